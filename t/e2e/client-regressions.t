#!/usr/bin/python3
"""What the proxy's client of a control plane once did wrong.  Each part tells
its story.
"""

import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_fake_control import FakeControl
from mesh_test import (SLOW, Backend, Sidecar, alive, at_end, children,
                       directory, document, node, reply, tap, wait)


def mine(version, nodes):
    """A document of the mesh with the proxy's own node."""
    doc = document(version, nodes)
    me = node('me')
    me['spec']['backends'] = [{'virtualService': {
        'virtualServiceName': 'app.local'}}]
    doc['virtualNodes'].append(me)
    return doc


def sidecar(url, mesh='', interval='300ms', wait_time='5s', **kw):
    return Sidecar(control_plane='%s interval=%s wait=%s'
                   % (url, interval, wait_time), resource='virtualNode/me',
                   mesh=mesh, **kw)


def leaving():
    """A worker that was told to end while it served a request closed the poll,
    gave its client back in the handler of that, and then read the memory."""
    release = threading.Event()

    def slow(r):
        if r.path == '/slow':
            release.wait(20)
        return reply('a')

    a = Backend('a', answer=slow)
    fake = FakeControl()
    fake.put(mine(1, {'a': [a.port]}))
    side = sidecar(fake.url()).start()
    side.at('1')

    for n in range(3):
        pid = wait(lambda: side.info()['config']['agent'])
        got = []
        thread = threading.Thread(target=lambda: got.append(side.get('/slow')))
        release.clear()
        count = len(a.requests)
        thread.start()
        wait(lambda: len(a.requests) > count)
        side.send(signal.SIGHUP)
        tap.ok(wait(lambda: side.info()['config']['agent'] not in (0, pid)),
               'the new worker asks')
        tap.ok(alive(pid), 'the old one still serves')
        release.set()
        thread.join()
        tap.same(got[0].text, 'a', 'what it was asked before')
        tap.ok(wait(lambda: not alive(pid)), 'and ends')

    tap.ok(side.stop(), 'nginx ends')
    tap.same(side.bad(), [], 'nothing was logged that should not be')


def sent_off():
    """A control plane that is reloaded ends all waits; proxies came back after
    their "interval", and learned of nothing in between, or all at once."""
    a = Backend('a')
    fake = FakeControl()
    fake.put(mine(1, {'a': [a.port]}))
    side = sidecar(fake.url(), interval='30s', wait_time='60s').start()
    side.at('1')

    def early(c, r):
        c.send(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n'
               b'Preference-Applied: wait=60\r\n\r\n')

    tap.same(fake.upto(2).header('Prefer'), 'wait=60', 'a request is held')
    fake.script(early)
    tap.ok(fake.upto(3), 'the next one comes soon')

    count = fake.count()
    fake.script(early)
    tap.ok(not fake.upto(count + 1, 2), 'a server that lies is not trusted')
    tap.same(side.lines('keeping what'), [], 'none of it is an error')
    side.stop()


def lines():
    """A document that was refused for a name with a line feed wrote lines of
    its own into the log."""
    a = Backend('a')
    fake = FakeControl()
    fake.put(mine(1, {'a': [a.port]}))
    side = sidecar(fake.url()).start()
    side.at('1')
    doc = mine(2, {'a': [a.port]})
    doc['routes'][0]['spec']['httpRoute']['action']['weightedTargets'][0][
        'virtualNode'] = 'x\n2026/09/30 00:00:00 [alert] 1#1: fake'
    fake.put(doc)
    tap.ok(side.logged('there is no virtual node "x[?]2026'), 'it is quoted')
    tap.same(side.lines('^2026/09/30'), [], 'and writes no line')
    tap.ok(fake.told('If-None-Match', '"2"').header('Mesh-Rejected'),
           'the control plane is told')
    side.stop()


def upgrade():
    """The old and the new binary fetch side by side, each for its workers."""
    a, b = Backend('a'), Backend('b')
    fake = FakeControl(store='s')
    fake.put(mine(1, {'a': [a.port]}))
    # nginx takes no USR2 from the parent that started it
    side = sidecar(fake.url(), daemon=True)
    side.mesh = 'state %s;' % side.path('state')
    side.start().at('1')
    file = side.path('state/m.virtualNode.me.json')
    wait(lambda: os.path.exists(file))

    def same(name):
        return {side.get().text for _ in range(10)} == {name}

    old = side.pid
    side.send(signal.SIGUSR2, old)
    tap.ok(wait(lambda: len(fake.open) == 2), 'both ask')
    with open(side.path('nginx.pid')) as f:
        new = int(f.read())
    at_end(lambda: [os.kill(pid, signal.SIGKILL)
                    for pid in children(new) + [new]])
    tap.same(len({r.header('Mesh-Proxy-Id') for r in fake.requests}), 1,
             'as the same proxy')
    fake.put(mine(2, {'b': [b.port]}))
    tap.ok(wait(lambda: same('b')), 'and both follow')

    side.send(signal.SIGQUIT, old)
    tap.ok(wait(lambda: len(fake.open) == 1), 'the old one leaves')
    fake.put(mine(3, {'a': [a.port]}))
    tap.ok(wait(lambda: same('a')), 'the new one goes on')

    def saved():
        with open(file) as f:
            return ' version=3 ' in f.readline()

    tap.ok(wait(saved), 'and writes the state')
    tap.same(sorted(os.listdir(side.path('state'))),
             ['m.virtualNode.me.id', 'm.virtualNode.me.json'],
             'nothing else is left there')
    tap.same(side.bad(), [], 'nothing was logged that should not be')


DEAF = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

/* a name server that does not answer */

int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
    int  (*real)(const char *, const char *, const struct addrinfo *,
                 struct addrinfo **);

    if (node && strcmp(node, "deaf.test") == 0) {
        sleep(60);
        return EAI_AGAIN;
    }

    real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, res);
}
'''


def deaf():
    """A name server that does not answer took a thread of the pool for each
    attempt, so that no state was written, and nginx did not end before all of
    them had given up, spinning meanwhile."""
    path = directory()
    with open(path + '/deaf.c', 'w') as f:
        f.write(DEAF)
    subprocess.run(('cc', '-shared', '-fPIC', '-o', path + '/deaf.so',
                    path + '/deaf.c', '-ldl'), check=True)
    old = dict(os.environ)
    os.environ['LD_PRELOAD'] = path + '/deaf.so'
    os.environ['ASAN_OPTIONS'] = old.get('ASAN_OPTIONS', '') \
        + ',verify_asan_link_order=0'
    try:
        side = sidecar('http://deaf.test:1',
                       mesh='control_plane_timeout 200ms;').start()
    finally:
        os.environ.clear()
        os.environ.update(old)

    def threads():
        return len(os.listdir('/proc/%d/task' % pid))

    pid = side.worker_pids()[0]
    tap.ok(side.logged(r'getaddrinfo\(\) timed out'), 'nobody answers')
    before = threads()
    lines = len(side.lines('timed out'))
    time.sleep(2 * SLOW)
    tap.same(threads(), before, 'further attempts take no further threads')
    tap.same(len(side.lines('timed out')), lines, 'it was told once')

    old = pid
    tap.ok(side.reload(), 'a reload')
    tap.ok(wait(lambda: not alive(old)), 'ends the old worker soon')
    pid = side.worker_pids()[0]
    wait(lambda: threads() == before)
    tap.ok(side.stop(), 'nginx ends soon')
    tap.same(side.bad(), [], 'nothing was logged that should not be')


tap.run(leaving, sent_off, lines, upgrade, deaf)
