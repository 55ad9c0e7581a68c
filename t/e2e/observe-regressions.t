#!/usr/bin/env python3
#
# What once went wrong with statistics and spans: at the end of a process, over
# a reload, while nobody takes them.  Each part tells its story.

import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_stats
from mesh_otlp import Collector
from mesh_test import (SLOW, Backend, Sidecar, directory, document, free_port,
                       node, reply, tap, wait)

CLUSTER = 'envoy.cluster.upstream_rq_total'

NAMES = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

/* a name that has two addresses, and one whose server falls silent */

typedef int (*lookup_t)(const char *, const char *, const struct addrinfo *,
                        struct addrinfo **);

int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
    int       rc;
    lookup_t  real;

    real = (lookup_t) dlsym(RTLD_NEXT, "getaddrinfo");

    if (node && strcmp(node, "silent.test") == 0) {
        if (access("@DIR@/silent", F_OK) == 0) {
            sleep(60);
            return EAI_AGAIN;
        }

        return real("127.0.0.1", service, hints, res);
    }

    if (node && strcmp(node, "two.test") == 0) {
        rc = real("127.0.0.2", service, hints, res);
        return rc ? rc : real("127.0.0.1", service, hints, &(*res)->ai_next);
    }

    return real(node, service, hints, res);
}
'''


def sidecar(mesh, nodes=None, **kw):
    a = Backend('a')
    doc = documents(1, a, nodes or ['a'])
    n = Sidecar(doc, resource='virtualNode/me', mesh=mesh, **kw).start()
    n.at('1')
    n.backend = a
    return n


def documents(version, backend, nodes):
    """Each node has a path of its own."""
    routes = [{'virtualRouterName': 'app', 'routeName': x, 'spec': {
        'httpRoute': {'match': {'prefix': '/' + x}, 'action': {
            'weightedTargets': [{'virtualNode': x, 'weight': 1}]}}}}
        for x in nodes]
    doc = document(version, {x: [backend.port] for x in nodes}, routes=routes)
    me = node('me')
    me['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': 'app.local'}}]
    doc['virtualNodes'].append(me)
    return doc


def with_names(path, start):
    """Starts an nginx that looks names up as NAMES does."""
    with open(path + '/names.c', 'w') as f:
        f.write(NAMES.replace('@DIR@', path))
    subprocess.run(('cc', '-shared', '-fPIC', '-o', path + '/names.so',
                    path + '/names.c', '-ldl'), check=True)
    old = dict(os.environ)
    os.environ['LD_PRELOAD'] = path + '/names.so'
    os.environ['ASAN_OPTIONS'] = old.get('ASAN_OPTIONS', '') \
        + ',verify_asan_link_order=0'
    try:
        return start()
    finally:
        os.environ.clear()
        os.environ.update(old)


def stat(n, name):
    numbers, _ = mesh_stats.text(n.page('/stats').text)
    return numbers.get(name, 0)


def outage():
    """Rounds were counted when they began.  While nobody took what was told,
    nearly all rows were thought to be gone after a few of them; the next new
    rows took their places, and counts were told again from 0."""
    path = directory() + '/statsd.sock'
    agent = mesh_stats.StatsD(path)
    os.chmod(path, 0o777)
    nodes = ['n%03d' % i for i in range(150)]
    n = sidecar('metrics_zone 1m; statsd unix:%s interval=100ms;' % path,
                nodes)
    for x in nodes:
        n.get('/' + x)
        n.get('/' + x)
    wait(lambda: agent.total(CLUSTER) >= 300, 10, 0.05)
    tap.same(agent.total(CLUSTER), 300, 'all that was sent is told')

    agent.close()
    told = agent.total(CLUSTER)
    os.unlink(path)
    before = stat(n, 'nginx_mesh.statsd_dropped_total')
    tap.ok(wait(lambda: stat(n, 'nginx_mesh.statsd_dropped_total')
                >= before + 8, 20 * SLOW, 0.05), 'nobody takes it for long')

    # new ones are looked up first
    more = ['m%03d' % i for i in range(150)] + nodes
    n.put(documents(2, n.backend, more))
    n.at('2')
    for x in more[:150]:
        n.get('/' + x)
    agent = mesh_stats.StatsD(path)
    os.chmod(path, 0o777)
    for x in more:
        n.get('/' + x)
    sent = 300 + 150 + 300
    wait(lambda: told + agent.total(CLUSTER) >= sent, 10, 0.05)
    rounds = len(agent.select('envoy.server.uptime'))
    wait(lambda: len(agent.select('envoy.server.uptime')) > rounds + 2, 10,
         0.05)
    tap.same(told + agent.total(CLUSTER), sent, 'and nothing is told twice')
    tap.same(n.bad(), [], 'nothing bad in the log')


def last_round():
    """The last round of a worker was told and not counted."""
    path = directory() + '/statsd.sock'
    agent = mesh_stats.StatsD(path)
    os.chmod(path, 0o777)
    n = sidecar('statsd unix:%s interval=1h;' % path)
    n.get('/a')
    pid, = n.worker_pids()
    n.send(signal.SIGTERM, pid)
    wait(lambda: n.worker_pids() not in ([], [pid]))
    tap.ok(wait(lambda: agent.total(CLUSTER) == 1), 'it is told')
    tap.ok(stat(n, 'nginx_mesh.statsd_sent_total') > 0, 'and counted')

    # one that ends in the middle of a round has a model of its own
    path = directory() + '/emf'
    os.mkfifo(path)
    os.chmod(path, 0o777)
    n = sidecar('emf %s interval=100ms;' % path, ['a', 'b'])
    held = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    wait(lambda: n.get('/a') and n.get('/b')
         and stat(n, 'nginx_mesh.emf_dropped_total'), 60 * SLOW, 0)
    pid, = n.worker_pids()
    n.send(signal.SIGTERM, pid)
    wait(lambda: n.worker_pids() not in ([], [pid]))
    tap.same(stat(n, 'cluster.cds_egress_m_a_http_8080.upstream_rq_active'), 0,
             'nothing is counted below 0')
    tap.same(n.bad(), [], 'nothing bad in the log')
    os.close(held)


def silent_name():
    """SIGTERM during a lookup lost the spans, though the lookup before had
    found an address."""
    path = directory()
    c = Collector(answer=lambda r: reply(b'', headers=[
        ('Connection', 'close')]))
    n = with_names(path, lambda: sidecar(
        'otlp http://silent.test:%d interval=1h batch=2; '
        'trace_sampling rate=1;' % c.port))
    n.get('/a')
    n.get('/a')
    tap.same(len(c.wait(2)), 2, 'the name is resolved')
    with open(path + '/silent', 'w'):
        pass

    time.sleep(0.1)
    n.get('/a')
    n.get('/a')             # a full batch: it is to be sent now
    time.sleep(0.5)
    tap.ok(n.stop(signal.SIGTERM), 'SIGTERM during a lookup')
    tap.same(len(c.wait(4, 5)), 4, 'spans go where they went before')
    tap.same(n.lines('were not delivered'), [], 'none is missed')


def second_address():
    """Timers of the client did not run in a process that ends at once, and a
    first address that did not answer took all of the time anyway."""
    port = free_port()
    deaf = socket.socket()
    deaf.bind(('127.0.0.2', port))
    deaf.listen(0)
    waiting = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(('127.0.0.2', port))
        waiting.append(s)
    c = Collector(port=port, answer=lambda r: reply(b'', headers=[
        ('Connection', 'close')]))
    n = with_names(directory(), lambda: sidecar(
        'otlp http://two.test:%d interval=1h batch=2 timeout=2s; '
        'trace_sampling rate=1;' % port))
    n.get('/a')
    n.get('/a')
    tap.same(len(c.wait(2)), 2, 'an address that hangs leaves time')
    time.sleep(0.1)
    n.get('/a')
    start = time.monotonic()
    tap.ok(n.stop(signal.SIGTERM), 'SIGTERM')
    tap.ok(time.monotonic() - start < 3 * SLOW, 'soon')
    tap.same(len(c.wait(3, 5)), 3, 'the second one is tried at the end, too')
    tap.same(n.lines('were not delivered'), [], 'none is missed')
    for s in waiting + [deaf]:
        s.close()


def single_reload():
    """A reload of a single process waited for a collector up to a second, and
    served nobody meanwhile."""
    c = Collector(answer=lambda r: time.sleep(3))
    took = []

    # the machine may be late, so the best of some
    while len(took) < 5 and min(took, default=60) > 0.6 * SLOW:
        n = sidecar('otlp %s interval=1h; trace_sampling rate=1;' % c.url(),
                    master=False)
        n.get('/a')
        start = time.monotonic()
        n.send(signal.SIGHUP)
        tap.ok(n.logged('1 spans were not delivered'), 'nobody takes it')
        took.append(time.monotonic() - start)
        n.kill()
    tap.ok(min(took) < 0.6 * SLOW, 'which is known soon', took)


def page_over_reload(what, page, early):
    """A single process unmaps a zone whose size has changed; a page that was
    being sent went on to read it."""
    port = free_port()
    nodes = ['n%03d' % i for i in range(150)]
    n = sidecar(what + ' 4m;', nodes, master=False,
                http='server { listen 127.0.0.1:%d sndbuf=4k; location / '
                '{ mesh_admin; } }' % port)
    for x in nodes:
        n.get('/' + x)
    whole = len(n.page(page).text)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.settimeout(10)
    s.connect(('127.0.0.1', port))
    s.send(b'GET %s HTTP/1.0\r\n\r\n' % page.encode())
    data = s.recv(100)
    tap.ok(data.startswith(b'HTTP/1.1 200'), what + ': a page begins')

    n.mesh = what + ' 8m;'
    n.write()
    n.send(signal.SIGHUP)
    # nothing else is done until it is complete
    tap.ok(wait(lambda: len(n.lines('using the "epoll"')) > 1), 'a reload')
    size = len(data)
    try:
        while data:
            data = s.recv(65536)
            size += len(data)
    except ConnectionError:
        pass
    s.close()
    tap.ok((size < whole / 2) == early,
           'the page ends early' if early else 'and goes on', size, whole)
    tap.ok(n.process.poll() is None, 'and the process lives')
    tap.ok(n.stop(), 'until it is told to end')


def zone_of_metrics():
    page_over_reload('metrics_zone', '/stats/prometheus', True)


def zone():
    page_over_reload('zone', '/clusters', False)


tap.run(outage, last_round, silent_name, second_address, single_reload,
        zone_of_metrics, zone)
