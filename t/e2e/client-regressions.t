#!/usr/bin/python3
"""What the proxy's client of a control plane once did wrong.  Each part tells
its story.
"""

import os
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_fake_control import FakeControl
from mesh_test import Backend, Sidecar, alive, document, node, reply, tap, wait


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
        fake.upto(fake.count())
        pid = side.info()['config']['agent']
        got = []
        thread = threading.Thread(target=lambda: got.append(side.get('/slow')))
        release.clear()
        count = len(a.requests)
        thread.start()
        wait(lambda: len(a.requests) > count)
        asked = fake.count()
        side.send(signal.SIGHUP)
        tap.ok(fake.upto(asked + 1), 'the new worker asks')
        tap.ok(alive(pid), 'the old one still serves')
        release.set()
        thread.join()
        tap.same(got[0].text, 'a', 'what it was asked before')
        tap.ok(wait(lambda: not alive(pid)), 'and ends')

    tap.ok(side.stop(), 'nginx ends')
    tap.same(side.bad(), [], 'nothing was logged that should not be')


tap.run(leaving)
