#!/usr/bin/env python3
#
# DogStatsD and CloudWatch: what arrives there adds up to what was sent, through
# reloads and workers that are killed, and nothing waits for who is away.

import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_stats
from mesh_test import (ROOT, Backend, Load, Sidecar, alive, descriptors,
                       document, directory, free_port, node, reply, request,
                       tap, wait)

RQ = 'envoy.http.downstream_rq_total'
TARGET = 'envoy_appmesh_RequestCountPerTarget'
TIME = 'envoy_appmesh_TargetResponseTime'


def sidecar(mesh, **kw):
    a = Backend('a')
    doc = document(1, {'a': [a.port]})
    me = node('me')
    me['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': 'app.local'}}]
    doc['virtualNodes'].append(me)
    n = Sidecar(doc, resource='virtualNode/me', mesh=mesh, **kw).start()
    n.at('1')
    return n


def stat(n, name):
    numbers, _ = mesh_stats.text(n.page('/stats').text)
    return numbers.get(name, 0)


def statsd():
    agent = mesh_stats.StatsD()
    n = sidecar('metrics_extension on; stats_tags on;'
                'statsd 127.0.0.1:%d interval=200ms;' % agent.port, workers=2)

    load = Load(n.egress)
    load.more(200)
    n.reload()
    load.more(200)
    load.stop()

    # one after the other, the one that sends too
    for pid in n.worker_pids():
        n.send(signal.SIGKILL, pid)
        wait(lambda: not alive(pid) and len(n.worker_pids()) == 2)

    load2 = Load(n.egress)
    load2.more(200)
    load2.stop()
    done = load.done + load2.done
    tap.same(load.failures + load2.failures, [], 'no request failed')

    egress = {'envoy__http_conn_manager_prefix': 'egress'}
    wait(lambda: agent.total(RQ, **egress) >= done, 10, 0.05)
    rounds = len(agent.select('envoy.server.uptime'))
    wait(lambda: len(agent.select('envoy.server.uptime')) > rounds + 2, 10,
         0.05)
    tap.same(agent.total(RQ, **egress), done,
             'all %d requests, through a reload and the death of all' % done)
    tap.same(agent.count('envoy.http.downstream_rq_time', **egress), done,
             'and their times')
    tap.same(agent.total('envoy.cluster.upstream_rq_xx',
                         envoy__response_code_class='2',
                         envoy__cluster_name='cds_egress_m_a_http_8080'), done,
             'by class')
    tap.same(agent.total('envoy.appmesh.RequestCountPerTarget', Mesh='m',
                         VirtualNode='me', TargetVirtualNode='a',
                         TargetVirtualService='app.local'), done,
             "App Mesh's metrics extension")
    tap.same(agent.bad, [], 'all lines are well formed')
    tap.ok(max(agent.datagrams) <= 1432, 'datagrams are small enough',
           max(agent.datagrams))
    tap.ok(all(m.tags.get('appmesh.mesh') == 'm' for m in agent.metrics),
           'with the tags of the node')
    gauge = agent.select('envoy.cluster.membership_healthy',
                         envoy__cluster_name='cds_egress_m_a_http_8080')
    tap.ok(len(gauge) > 2 and gauge[-1].value == 1, 'gauges each time')


def statsd_last():
    """What came since the last round is told when nginx ends."""
    agent = mesh_stats.StatsD(directory() + '/statsd.sock')
    os.chmod(agent.path, 0o777)
    n = sidecar('statsd unix:%s interval=1h;' % agent.path)
    for _ in range(9):
        n.get('/')
    wait(lambda: stat(n, 'http.egress.downstream_rq_total') == 9)
    n.stop()
    wait(lambda: agent.total(RQ))
    tap.same(agent.total(RQ), 9, 'the last round, at the end')
    tap.ok(max(agent.datagrams) > 1432, 'a Unix socket takes more',
           agent.datagrams)


def statsd_away():
    path = directory() + '/statsd.sock'
    n = sidecar('statsd unix:%s interval=100ms;' % path)
    for _ in range(5):
        n.get('/')
    tap.ok(n.logged('cannot connect to "unix:'), 'nobody is there: logged')
    tap.ok(wait(lambda: stat(n, 'nginx_mesh.statsd_dropped_total') > 2, 10,
                0.05), 'and counted')
    tap.same(len(n.lines('statistics are kept')), 1, 'logged once')

    agent = mesh_stats.StatsD(path)
    os.chmod(path, 0o777)
    wait(lambda: agent.total(RQ), 10, 0.05)
    tap.same(agent.total(RQ), 5, 'whoever comes is told all')


def statsd_back():
    """An agent on a Unix socket that is restarted: it misses no round."""
    path = directory() + '/statsd.sock'
    agent = mesh_stats.StatsD(path)
    os.chmod(path, 0o777)
    n = sidecar('statsd unix:%s interval=100ms;' % path)
    sent = told = 0

    for turn in range(3):
        for _ in range(4):
            n.get('/')
        sent += 4
        wait(lambda: told + agent.total(RQ) >= sent, 10, 0.02)
        tap.same(told + agent.total(RQ), sent, 'turn %d' % turn)

        # between two rounds, or in one; at no time is nobody there
        after = mesh_stats.StatsD(path + '.new')
        os.chmod(path + '.new', 0o777)
        os.rename(path + '.new', path)
        agent.close()
        told += agent.total(RQ)
        agent = after

    tap.ok(stat(n, 'nginx_mesh.statsd_dropped_total') <= 3,
           'a datagram that comes back goes to the new one',
           stat(n, 'nginx_mesh.statsd_dropped_total'))
    tap.ok(len(n.lines('statistics are kept')) <= 3, 'few words on that',
           n.lines('statistics are kept'))
    tap.same(n.bad(), [], 'nothing bad in the log')


class Long(Sidecar):
    """The name of the mesh is as long as may be."""

    NAME = 'M' * 255

    def write(self):
        super().write()
        with open(self.path('nginx.conf')) as f:
            text = f.read()
        with open(self.path('nginx.conf'), 'w') as f:
            f.write(text.replace('mesh m {', 'mesh %s {' % self.NAME))


def statsd_long():
    """Lines that no datagram takes are counted, the others are told."""
    a = Backend('a')
    names = ['.'.join(['s' * 61] * 4)] + [c * 255 for c in 'rtn']
    doc = document(1, {names[3]: [a.port], 'a': [a.port]}, routes=[])
    doc['virtualServices'] = [
        {'virtualServiceName': '%s.local' % names[0], 'spec': {'provider': {
            'virtualRouter': {'virtualRouterName': names[1]}}}},
        {'virtualServiceName': 'app.local', 'spec': {'provider': {
            'virtualNode': {'virtualNodeName': 'a'}}}}]
    doc['virtualRouters'][0]['virtualRouterName'] = names[1]
    doc['routes'] = [{'virtualRouterName': names[1], 'routeName': names[2],
                      'spec': {'httpRoute': {
                          'match': {'prefix': '/'}, 'action': {
                              'weightedTargets': [{'virtualNode': names[3],
                                                   'weight': 1}]}}}}]
    doc['mesh']['meshName'] = Long.NAME
    me = 'm' * 255
    doc['virtualNodes'].append(node(me))
    doc['virtualNodes'][-1]['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': x['virtualServiceName']}}
        for x in doc['virtualServices']]
    agent = mesh_stats.StatsD()
    n = Long(doc, resource='virtualNode/' + me, mesh='stats_tags on;'
             'statsd 127.0.0.1:%d interval=100ms;' % agent.port).start()
    n.at('1')
    for _ in range(3):
        n.get('/', host=names[0] + '.local')
        n.get('/')

    own = {'virtual_service': 'app.local'}
    wait(lambda: agent.total(RQ) >= 6 and agent.count(
        'nginx_mesh.target.request_duration_seconds', **own) >= 3)
    tap.same(agent.total(RQ), 6, 'what fits is told')
    tap.same(agent.count('nginx_mesh.target.request_duration_seconds', **own),
             3, 'of other targets too')
    tap.ok(wait(lambda: stat(n, 'nginx_mesh.statsd_skipped_total') > 2),
           'what does not is counted')
    tap.same(agent.count('nginx_mesh.target.request_duration_seconds',
                         virtual_service=names[0] + '.local'), 0,
             'and not told')
    tap.same(stat(n, 'nginx_mesh.statsd_dropped_total'), 0,
             'it is not what nobody took')
    tap.same(len(n.lines('longer than a datagram')), 1, 'logged once')
    tap.ok(max(agent.datagrams) <= 1432, 'datagrams are small enough',
           max(agent.datagrams))


def read_lines(f, lines):
    for line in f:
        lines.append(line.decode())


def emf_pipe():
    """A pipe that nobody reads, and then somebody does."""
    path = directory() + '/emf'
    os.mkfifo(path)
    os.chmod(path, 0o777)
    n = sidecar('emf %s interval=100ms;' % path)
    load = Load(n.egress, clients=2)
    load.more(100)
    wait(lambda: stat(n, 'nginx_mesh.emf_dropped_total') > 1, 10, 0.05)

    held = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    load.more(100)                      # the pipe fills up
    time.sleep(0.5)
    load.stop()
    tap.same(load.failures, [], 'nothing waits for who reads')

    docs = []
    lines = []
    os.set_blocking(held, True)
    f = os.fdopen(held, 'rb')
    threading.Thread(target=read_lines, args=(f, lines), daemon=True).start()

    def told():
        docs[:] = [mesh_stats.emf(x) for x in list(lines)]
        return all(mesh_stats.emf_total(docs, x) >= load.done
                   for x in (TARGET, TIME))

    wait(told, 10, 0.05)
    time.sleep(0.3)
    told()
    tap.same([mesh_stats.emf_total(docs, x) for x in (TARGET, TIME)],
             [load.done] * 2, 'all requests, in whole documents')
    check_dimensions(docs)


def check_dimensions(docs):
    target = next(d for d in docs if TARGET in d)
    directive = target['_aws']['CloudWatchMetrics'][0]
    tap.same(directive['Dimensions'],
             [['Mesh', 'VirtualNode'],
              ['Mesh', 'VirtualNode', 'TargetVirtualNode'],
              ['Mesh', 'VirtualNode', 'TargetVirtualNode',
               'TargetVirtualService']], 'dimensions')
    tap.same([target[x] for x in ('Mesh', 'VirtualNode', 'TargetVirtualNode',
                                  'TargetVirtualService')],
             ['m', 'me', 'a', 'app.local'], 'and their values')
    tap.same(directive['Namespace'], 'ECS/ContainerInsights/Prometheus',
             'the namespace of the agent')


def emf_file():
    path = directory() + '/emf.log'
    n = sidecar('emf %s interval=100ms namespace=Ordering;' % path)
    for _ in range(4):
        n.get('/')

    def docs():
        with open(path) as f:
            return [mesh_stats.emf(x) for x in f if x.endswith('\n')]

    wait(lambda: mesh_stats.emf_total(docs(), TARGET) >= 4, 10, 0.05)
    os.rename(path, path + '.1')
    worker, = n.worker_pids()
    n.send(signal.SIGUSR1)
    wait(lambda: os.path.realpath(path) in descriptors(worker))
    for _ in range(3):
        n.get('/')
    wait(lambda: mesh_stats.emf_total(docs(), TARGET) >= 3, 10, 0.05)
    tap.same(mesh_stats.emf_total(docs(), TARGET), 3, 'a file, after USR1')
    tap.same(docs()[0]['_aws']['CloudWatchMetrics'][0]['Namespace'],
             'Ordering', 'a namespace')


def emf_tcp():
    """An agent that is away, comes, goes and comes again."""
    port = free_port()
    n = sidecar('emf tcp://127.0.0.1:%d interval=100ms;' % port)
    sent = 0
    docs = []

    for turn in range(2):
        for _ in range(3):
            n.get('/')
        sent += 3
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('127.0.0.1', port))
        s.listen(5)
        s.settimeout(10)
        c, _ = s.accept()
        c.settimeout(10)
        f = c.makefile('rb')
        while mesh_stats.emf_total(docs, TARGET) < sent:
            line = f.readline()
            if not line.endswith(b'\n'):
                break
            docs.append(mesh_stats.emf(line.decode()))
        s.close()
        f.close()
        c.close()
        tap.same(mesh_stats.emf_total(docs, TARGET), sent,
                 'documents over TCP, turn %d' % turn)

    tap.same(docs[0]['_aws']['LogGroupName'], 'nginx-mesh',
             'an agent is told a log group')
    tap.same(n.bad(), [], 'nothing bad in the log')


def emf_udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', 0))
    s.settimeout(10)
    n = sidecar('emf udp://127.0.0.1:%d interval=100ms log_group=mine;'
                % s.getsockname()[1])
    for _ in range(3):
        n.get('/')
    docs = []
    while mesh_stats.emf_total(docs, TARGET) < 3:
        docs.append(mesh_stats.emf(s.recv(65536).decode()))
    tap.same(docs[0]['_aws']['LogGroupName'], 'mine', 'documents over UDP')


def emf_metrics(targets):
    """The metrics of a node with so many targets, all of which have answered
    with all classes of statuses."""
    path = directory() + '/emf.log'
    statuses = ('200 OK', '302 Found', '404 Not Found', '500 Bad')
    a = Backend('a', lambda r: reply('', statuses[int(r.path[1:] or 0)]))
    nodes = {'n%d' % i: [a.port] for i in range(targets)}
    doc = document(1, nodes or {'none': [a.port]})
    doc['virtualServices'] = [
        {'virtualServiceName': '%s.local' % x, 'spec': {'provider': {
            'virtualNode': {'virtualNodeName': x}}}} for x in nodes]
    me = node('me')
    me['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': x + '.local'}}
        for x in nodes]
    doc['virtualNodes'].append(me)
    port = free_port()
    n = Sidecar(doc, resource='virtualNode/me', mesh='retry_defaults off;'
                'emf %s interval=100ms;' % path, http='server { listen '
                '127.0.0.1:%d; location / { mesh_pass ingress port=8080; } }'
                % port).start()
    n.at('1')
    for x in nodes:
        for status in range(4):
            n.get('/%d' % status, host=x + '.local')
    request(port, '/')                  # so that there is an ingress

    def metrics():
        with open(path) as f:
            docs = [mesh_stats.emf(x) for x in f if x.endswith('\n')]
        return mesh_stats.emf_metrics(docs)

    want = 5 + (7 + 14 * targets if targets else 0)
    wait(lambda: len(metrics()) >= want, 10, 0.05)
    return len(metrics()), want


def emf_price():
    """The arithmetic of docs/metrics.md."""
    with open(ROOT + '/docs/metrics.md') as f:
        page = f.read()
    tap.ok('metrics = 5 + 7 + 14 N ' in page, 'the page has the formula')
    for targets in (0, 1, 3):
        got, want = emf_metrics(targets)
        tap.same(got, want, 'metrics of a node with %d targets' % targets)
    tap.ok(' '.join('Three targets are 54 metrics, 16.20 USD'.split())
           in ' '.join(page.split()) and 5 + 7 + 14 * 3 == 54
           and round(54 * 0.30, 2) == 16.20, 'and the price of three')
    if mesh_stats.emf_schema():
        tap.ok(True, 'documents keep to the schema')
    else:
        tap.skip('documents keep to the schema',
                 'needs python3-jsonschema, util/deps test')


def emf_stdout():
    """The standard output is a pipe that is shared with whoever has it."""
    out, into = os.pipe()
    saved = os.dup(1)
    sys.stdout.flush()
    os.dup2(into, 1)
    try:
        n = sidecar('emf stdout interval=100ms;')
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(into)
    for _ in range(3):
        n.get('/')
    lines = []
    threading.Thread(target=read_lines, args=(os.fdopen(out, 'rb'), lines),
                     daemon=True).start()

    def told():
        return mesh_stats.emf_total([mesh_stats.emf(x) for x in list(lines)],
                                    TARGET)

    wait(lambda: told() >= 3)
    tap.same(told(), 3, 'documents on the standard output')
    tap.same(n.bad(), [], 'nothing bad in the log')


def wrong():
    for mesh, what in (
            ('statsd 127.0.0.1:99999;', 'invalid port'),
            ('statsd 127.0.0.1 every=1s;', 'invalid parameter "every=1s"'),
            ('statsd 127.0.0.1 interval=1x;', 'invalid "interval"'),
            ('emf stderr;', 'is neither stdout'),
            ('emf /tmp;', 'is a directory'),
            ('emf stdout; emf stdout;', 'is duplicate'),
            ('metrics_zone off; statsd 127.0.0.1;', 'needs metrics')):
        rc, text = Sidecar(document(1, {}), mesh=mesh).test()
        tap.ok(rc == 1 and what in text, mesh, text)


tap.run(statsd, statsd_last, statsd_away, statsd_back, statsd_long, emf_pipe,
        emf_file, emf_tcp, emf_udp, emf_price, emf_stdout, wrong)
