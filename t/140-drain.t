#!/usr/bin/env python3
#
# Draining: clients are told to go, nobody is cut off.

import http.client
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

import mesh_h2
from mesh_test import (SLOW, Backend, Sidecar, connect, document,
                       listen_http2, free_port, reply, request, tap, wait)


class Slow(Backend):
    """Answers /slow when told to."""

    def __init__(self, name='a'):
        self.go = threading.Event()
        super().__init__(name, answer=self.slow)

    def slow(self, r):
        if r.path == '/slow':
            self.go.wait(30 * SLOW)
        return reply(self.name)


def start(app, workers=2, **kw):
    h2 = free_port()
    n = Sidecar(document(1, {'a': [app.port]}), workers=workers, http='''
server {
    %s
    location / { mesh_pass egress; }
}
''' % listen_http2('127.0.0.1:%d' % h2), **kw)
    n.h2 = h2
    n.start()
    return n


def drain(n):
    return request(n.admin, '/drain_listeners', 'POST')


def in_thread(call):
    answer = []
    t = threading.Thread(target=lambda: answer.append(call()), daemon=True)
    t.answer = answer
    t.start()
    return t


def closed(s):
    """Whether the other side closes, soon."""
    s.settimeout(10 * SLOW)
    try:
        return s.recv(1) == b''
    except OSError:
        return False


def idle(n, path='/'):
    c = http.client.HTTPConnection('127.0.0.1', n.egress, timeout=20 * SLOW)
    r = request(n.egress, path, host='app.local', connection=c)
    return c, r


def watch_goaway(c):
    found = []
    receive = c.h2.receive_data

    def received(data):
        events = receive(data)
        found.extend(e for e in events if isinstance(
            e, mesh_h2.h2.events.ConnectionTerminated))
        return events

    c.h2.receive_data = received
    return found


def still_open(c):
    """The library takes a GOAWAY for the end of the connection."""
    c.h2.state_machine.state = mesh_h2.h2.connection.ConnectionState.CLIENT_OPEN


def listeners():
    app = Slow()
    n = start(app)

    tap.same((n.page('/ready').status, n.page('/ready').text),
             (200, 'LIVE\n'), 'before: ready')
    tap.same(request(n.admin, '/drain_listeners').status, 405,
             'to drain is a POST')
    tap.same(request(n.admin, '/ready', 'POST').status, 405,
             'to read is none')

    kept = [idle(n) for _ in range(6)]
    tap.same([r.header('Connection') for c, r in kept], ['keep-alive'] * 6,
             'connections are kept')

    fresh = connect(n.egress)
    slow = in_thread(lambda: n.get('/slow'))
    c2 = mesh_h2.Client(n.h2)
    s1 = c2.open('/', method='GET', end=True)
    c2.until(s1)
    s2 = c2.open('/slow', method='GET', end=True)
    wait(lambda: len([r for r in app.requests if r.path == '/slow']) == 2)

    goaway = watch_goaway(c2)

    r = drain(n)
    tap.same((r.status, r.text), (200, 'OK\n'), 'draining')
    tap.same((n.page('/ready').status, n.page('/ready').text),
             (503, 'DRAINING\n'), 'it is not ready any more')
    tap.same(n.info()['state'], 'DRAINING', '/server_info says so')

    tap.same([closed(c.sock) for c, _ in kept], [True] * 6,
             'idle connections are closed')

    fresh.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
    answer = fresh.recv(65536)
    tap.ok(answer.startswith(b'HTTP/1.1 200')
           and b'\r\nConnection: close\r\n' in answer,
           'a connection that was opened before is served', answer)

    r = n.get('/')
    tap.same((r.status, r.header('Connection')), (200, 'close'),
             'new ones too, and asked to go')

    t = in_thread(lambda: c2.until(s2))
    tap.ok(wait(lambda: goaway), 'HTTP/2 clients get a GOAWAY')
    still_open(c2)
    app.go.set()
    t.join(20 * SLOW)
    tap.same([s.header(':status') for s in t.answer], ['200'],
             'and what they wait for')
    slow.join(20 * SLOW)
    tap.same([(r.status, r.header('Connection')) for r in slow.answer],
             [(200, 'close')], 'a request on its way ends well')

    c3 = mesh_h2.Client(n.h2)
    s3 = c3.until(c3.open('/', method='GET', end=True))
    tap.same(s3.header(':status'), '200', 'a new HTTP/2 client is served')
    c3.socket.settimeout(10 * SLOW)
    tap.ok(wait(lambda: ended(c3)), 'and asked to go')

    tap.same(len(n.lines('mesh: draining')), 1, 'it is logged once')
    drain(n)
    tap.same(len(n.lines('mesh: draining')), 1, 'even if it is said twice')

    killed = n.worker_pids()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait(lambda: len(set(n.worker_pids()) - set(killed)) == 2)
    tap.ok(wait(lambda: n.page('/ready').status == 503),
           'workers that are started anew drain too')
    r = n.get('/')
    tap.same((r.status, r.header('Connection')), (200, 'close'),
             'their answers close')

    tap.ok(n.reload(), 'a reload')
    tap.ok(wait(lambda: n.page('/ready').status == 200), 'ends it')
    tap.same(idle(n)[1].header('Connection'), 'keep-alive',
             'connections are kept again')
    tap.ok(n.stop(), 'it ends well')
    tap.same([x for x in n.bad() if 'signal 9' not in x], [],
             'nothing bad is logged')


def ended(c):
    try:
        c.events()
    except OSError:
        return True
    return False


def quit():
    app = Slow()
    n = start(app)
    kept = [idle(n) for _ in range(3)]
    slow = in_thread(lambda: n.get('/slow'))
    wait(lambda: [r for r in app.requests if r.path == '/slow'])
    workers = n.worker_pids()

    os.kill(n.pid, signal.SIGQUIT)
    tap.same([closed(c.sock) for c, _ in kept], [True] * 3,
             'SIGQUIT: idle connections are closed')
    app.go.set()
    slow.join(20 * SLOW)
    tap.same([(r.status, r.header('Connection')) for r in slow.answer],
             [(200, 'close')], 'a request on its way ends, and says "close"')
    tap.ok(n.stop(), 'it ends')
    tap.same(n.bad(), [], 'nothing bad is logged')
    tap.ok(workers, 'there were workers')


def bound():
    app = Slow()
    n = start(app, main='worker_shutdown_timeout %ds;' % SLOW)
    slow = in_thread(lambda: fails(lambda: n.get('/slow')))
    wait(lambda: [r for r in app.requests if r.path == '/slow'])
    drain(n)
    begin = time.monotonic()
    tap.ok(n.stop(timeout=8), 'a request that does not end is cut off')
    tap.ok(0.9 * SLOW < time.monotonic() - begin < 5 * SLOW,
           'when the time is over', time.monotonic() - begin)
    slow.join(5)
    app.go.set()
    tap.same(n.bad(), [], 'nothing bad is logged')


def fails(call):
    try:
        return call()
    except (OSError, http.client.HTTPException):
        return None


def single():
    app = Slow()
    n = start(app, workers=1, master=False)
    kept = idle(n)
    tap.same(drain(n).status, 200, 'a single process: draining')
    tap.ok(closed(kept[0].sock), 'idle connections are closed')
    tap.same(n.page('/ready').status, 503, 'not ready')
    tap.ok(n.stop(), 'it ends')


def removed():
    """An endpoint that leaves the document."""
    old, new = Slow('old'), Backend('new')
    n = start(old)
    for _ in range(8):
        idle(n)
    slow = in_thread(lambda: n.get('/slow'))
    wait(lambda: [r for r in old.requests if r.path == '/slow'])

    n.put(document(2, {'a': [new.port]}))
    tap.ok(n.at('2'), 'an endpoint is replaced')
    before = len(old.requests)
    answers = {n.get('/').text for _ in range(40)}
    tap.same((answers, len(old.requests) - before), ({'new'}, 0),
             'it gets nothing more')
    tap.ok(wait(lambda: len(old.open) == 1),
           'its idle connections are closed', len(old.open))
    old.go.set()
    slow.join(20 * SLOW)
    tap.same([r.text for r in slow.answer], ['old'],
             'what was on its way there ends well')
    tap.ok(wait(lambda: len(old.open) == 0), 'and its connection is not kept')


tap.run(listeners, quit, bound, single, removed)
