#!/usr/bin/env python3
#
# The connection pool of a listener: how many requests are at the application at
# a time, over all workers, who waits, in which order, and who is refused.

import http.client
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

import mesh_h2
from mesh_test import (SLOW, Backend, Sidecar, connect, document, free_port,
                       listen_http2, reply, request, tap, wait)

OVERFLOW = ('upstream connect error or disconnect/reset before headers. '
            'reset reason: overflow')


class App(Backend):
    """Holds requests until they are released, and counts those inside."""

    def __init__(self, hold=True, pause=0.0, **kw):
        self.hold = threading.Semaphore(0) if hold else None
        self.pause = pause
        self.inside = 0
        self.most = 0
        self.order = []
        self.counting = threading.Lock()
        super().__init__('app', answer=self.held, **kw)

    def held(self, r):
        if r.path == '/gone':
            # whose client does not wait for the end, nor does the proxy
            return reply('app')
        with self.counting:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(r.path)
        if self.hold:
            self.hold.acquire(timeout=30 * SLOW)
        if self.pause:
            time.sleep(self.pause)
        with self.counting:
            self.inside -= 1
        return reply('app')

    def release(self, n=1):
        for _ in range(n):
            self.hold.release()


class Client(threading.Thread):
    def __init__(self, port, path='/', **kw):
        super().__init__(daemon=True)
        self.port, self.path, self.more = port, path, kw
        self.answer = None
        self.start()

    def run(self):
        try:
            self.answer = request(self.port, self.path, host='app.local',
                                  timeout=40, **self.more)
        except (OSError, http.client.HTTPException) as e:
            self.answer = e

    def end(self):
        self.join(40 * SLOW)
        return self.answer


def described(ver, port, pool, protocol='http', timeout=None):
    listener = {'portMapping': {'port': port, 'protocol': protocol}}
    if pool:
        listener['connectionPool'] = {protocol: pool}
    if timeout is not None:
        listener['timeout'] = {protocol: {'perRequest': {
            'unit': 'ms', 'value': timeout}}}
    doc = document(ver, {'other': [free_port()]})
    doc['virtualNodes'].append({'virtualNodeName': 'me', 'spec': {
        'listeners': [listener],
        'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}})
    return doc


class Limited(Sidecar):
    """A sidecar with an ingress in front of the port of an application."""

    def __init__(self, port, pool, protocol='http', timeout=0, **kw):
        self.port, self.port2 = free_port(), free_port()
        self.app = (port, protocol, timeout)
        super().__init__(described(1, port, pool, protocol, timeout),
                         resource='virtualNode/me', http='''
log_format flags '$status $mesh_response_flags $uri';
server {
    listen 127.0.0.1:%d reuseport;
    access_log logs/access.log flags;
    location / { mesh_pass ingress; }
}
server {
    %s
    access_log logs/access.log flags;
    location / { mesh_pass ingress; }
}
''' % (self.port, listen_http2('127.0.0.1:%d' % self.port2)), **kw)

    def change(self, ver, pool, timeout=0):
        port, protocol, _ = self.app
        self.put(described(ver, port, pool, protocol, timeout))
        return self.at(str(ver))

    def counts(self):
        for (name, endpoint), values in self.clusters().items():
            if name.startswith('cds_ingress') and not endpoint:
                return {k: int(v) for k, v in values.items()}
        return {}

    def counted(self, **want):
        """Until the counts are these."""
        return wait(lambda: all(self.counts().get(k) == v
                                for k, v in want.items()), 10, 0.01)


def http_limits():
    app = App()
    n = Limited(app.port, {'maxConnections': 2, 'maxPendingRequests': 2},
                workers=2).start()

    active = [Client(n.port, '/a%d' % i) for i in range(2)]
    tap.ok(wait(lambda: app.inside == 2), 'as many as allowed are let through')

    first = Client(n.port, '/p1')
    tap.ok(n.counted(rq_pending_active=1), 'the next one waits')
    second = Client(n.port, '/p2')
    tap.ok(n.counted(rq_pending_active=2, rq_active=2), 'and one more',
           n.counts())

    r = request(n.port, '/o')
    tap.same((r.status, r.text), (503, OVERFLOW), 'the next is refused')
    tap.same(r.header('x-envoy-overloaded'), 'true', 'with a header')
    tap.ok(wait(lambda: '503 UO /o' in open(n.path('logs/access.log')).read()),
           'and with the flag')
    tap.same(n.counts().get('rq_overflow'), 1, 'and counted')

    app.release()
    tap.ok(wait(lambda: '/p1' in app.order), 'an end lets the first one in')
    tap.same((app.inside, app.order[2:]), (2, ['/p1']), 'only that one')
    app.release(3)

    answers = [c.end() for c in active + [first, second]]
    tap.same([(a.status, a.text) for a in answers], [(200, 'app')] * 4,
             'all that waited are answered')
    tap.same(app.most, 2, 'never were there more than allowed')
    tap.ok(n.counted(rq_active=0, rq_pending_active=0), 'nothing is left',
           n.counts())
    tap.ok(n.stop(), 'it ends well')
    tap.same(n.bad(), [], 'nothing bad is logged')


def no_queue(protocol):
    def answer(call):
        call.receive()
        gate.wait(20 * SLOW)
        call.respond([(':status', '200'),
                      ('content-type', 'application/grpc')])
        call.send(mesh_h2.message(b'x'))
        call.end([('grpc-status', '0')], end=True)

    gate = threading.Event()
    app = mesh_h2.Server(answer)
    n = Limited(app.port, {'maxRequests': 1}, protocol, workers=2).start()

    one = mesh_h2.Client(n.port2)
    number = one.open('/s/m', [('content-type', 'application/grpc'),
                               ('te', 'trailers')])
    one.send(number, mesh_h2.message(b'a'), end=True)
    tap.ok(wait(lambda: len(app.calls) == 1), protocol + ': one is let through')

    other = mesh_h2.Client(n.port2)
    stream = other.call('/s/o')
    tap.same((stream.header('grpc-status'), stream.header('grpc-message'),
              stream.header('x-envoy-overloaded')), ('14', OVERFLOW, 'true'),
             protocol + ': the next is refused at once')

    gate.set()
    stream = one.until(number)
    tap.same((stream.header(':status'), stream.trailer('grpc-status')),
             ('200', '0'), protocol + ': the first is answered')
    tap.ok(n.counted(rq_active=0), protocol + ': nothing is left', n.counts())
    stream = other.call('/s/o')
    tap.same(stream.trailer('grpc-status'), '0',
             protocol + ': there is room again')


def http2_limit():
    no_queue('http2')


def grpc_limit():
    no_queue('grpc')


def order():
    """Tickets are given one by one, to workers at random."""
    app = App()
    n = Limited(app.port, {'maxConnections': 1, 'maxPendingRequests': 100},
                workers=3).start()

    clients = [Client(n.port, '/0')]
    wait(lambda: app.inside == 1)
    for i in range(1, 31):
        clients.append(Client(n.port, '/%d' % i))
        n.counted(rq_pending_active=i)

    waited = n.counts().get('rq_pending_active')
    for i in range(1, 31):
        app.release()
        if not wait(lambda: len(app.order) == i + 1):
            break
    app.release()

    tap.same(waited, 30, 'thirty wait in three workers')
    tap.same(app.order, ['/%d' % i for i in range(31)],
             'they are let in in the order they came')
    tap.same([c.end().status for c in clients], [200] * 31, 'and answered')
    tap.same(app.most, 1, 'one at a time')


def storm():
    """Exact over workers, with nobody forgotten."""
    app = App(hold=False, pause=0.002)
    n = Limited(app.port, {'maxConnections': 5}, workers=3).start()
    done = []

    def client(seed):
        rnd = random.Random(seed)
        c = http.client.HTTPConnection('127.0.0.1', n.port, timeout=40 * SLOW)
        for i in range(40):
            if rnd.random() < 0.1:
                # goes away, perhaps while it waits
                with connect(n.port) as s:
                    s.sendall(b'GET /gone HTTP/1.1\r\nHost: a\r\n\r\n')
                    time.sleep(rnd.random() * 0.01)
                continue
            try:
                done.append(request(n.port, '/%d' % i, connection=c).status)
            except (OSError, http.client.HTTPException) as e:
                done.append(repr(e))
                c.close()

    start = time.monotonic()
    threads = [threading.Thread(target=client, args=(i,)) for i in range(30)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.monotonic() - start

    bad = [x for x in done if x != 200]
    tap.same(bad[:5], [], 'a storm: %d requests are answered, in %.1f s'
             % (len(done), took))
    tap.ok(app.most <= 5, 'never more than the limit', app.most)
    tap.ok(app.most == 5, 'and as many as that', app.most)
    tap.ok(n.counted(rq_active=0, rq_pending_active=0), 'nothing is left',
           n.counts())
    tap.same(n.bad(), [], 'nothing bad is logged')


def abort():
    app = App()
    n = Limited(app.port, {'maxConnections': 1}, workers=1).start()
    first = Client(n.port, '/1')
    wait(lambda: app.inside == 1)

    with connect(n.port) as s:
        s.sendall(b'GET /gone HTTP/1.1\r\nHost: a\r\n\r\n')
        tap.ok(n.counted(rq_pending_active=1), 'a client waits')
    tap.ok(n.counted(rq_pending_active=0), 'it goes away and is forgotten')

    c = mesh_h2.Client(n.port2)
    number = c.open('/gone2', method='GET', end=True)
    tap.ok(n.counted(rq_pending_active=1), 'the same over HTTP/2: it waits')
    c.h2.reset_stream(number)
    c.flush()
    tap.ok(n.counted(rq_pending_active=0), 'resets the stream, is forgotten')

    number = c.open('/2', method='GET', end=True)
    n.counted(rq_pending_active=1)
    third = Client(n.port, '/3', method='POST', body=b'x' * 300000)
    n.counted(rq_pending_active=2)
    app.release(3)
    tap.same(c.until(number).header(':status'), '200',
             'who stays is answered, over HTTP/2')
    tap.same((first.end().status, third.end().status), (200, 200),
             'and with a body')
    tap.same(app.order, ['/1', '/2', '/3'], 'the others were never sent')
    tap.ok(n.counted(rq_active=0, rq_pending_active=0), 'nothing is left',
           n.counts())
    tap.same(n.bad(), [], 'nothing bad is logged')


def crash():
    app = App()
    n = Limited(app.port, {'maxConnections': 2}, workers=2).start()
    clients = [Client(n.port, '/%d' % i) for i in range(12)]
    tap.ok(n.counted(rq_active=2, rq_pending_active=10),
           'two of twelve are let through', n.counts())

    for pid in n.worker_pids():
        os.kill(pid, signal.SIGKILL)
    for c in clients:
        c.end()
    app.release(2)
    wait(lambda: app.inside == 0)

    tap.ok(n.counted(rq_active=0, rq_pending_active=0),
           'workers that were killed give all of it back', n.counts())

    clients = [Client(n.port, '/%d' % i) for i in range(3)]
    tap.ok(n.counted(rq_active=2, rq_pending_active=1),
           'the new ones count as before', n.counts())
    app.release(3)
    tap.same([c.end().status for c in clients], [200] * 3, 'and answer')


def timeout():
    app = App()
    n = Limited(app.port, {'maxConnections': 1}, workers=2).start()
    first = Client(n.port, '/1')
    wait(lambda: app.inside == 1)
    n.change(2, {'maxConnections': 1}, timeout=300 * SLOW)

    start = time.monotonic()
    waits = [Client(n.port, '/w%d' % i) for i in range(4)]
    answers = [c.end() for c in waits]
    took = time.monotonic() - start
    tap.same([(a.status, a.text) for a in answers],
             [(504, 'upstream request timeout')] * 4,
             'the time limit of a request runs while it waits')
    tap.ok(0.29 * SLOW <= took < 8 * SLOW, 'and is kept', took)
    tap.ok(wait(lambda: open(n.path('logs/access.log')).read()
                .count('504 UT /w') == 4), 'with the flag')

    # half of the time is spent in the queue, the other half with the app
    n.change(3, {'maxConnections': 1}, timeout=5000 * SLOW)
    start = time.monotonic()
    late = Client(n.port, '/late')
    n.counted(rq_pending_active=1)
    time.sleep(2.5 * SLOW)
    app.release()
    tap.same((first.end().status, late.end().status), (200, 504),
             'what is left is for the application')
    took = time.monotonic() - start
    # 7.5 if all of it began once more
    tap.ok(4.9 * SLOW <= took < 7.4 * SLOW, 'no more', took)
    tap.same(app.order, ['/1', '/late'], 'those whose time was over never '
             'got there')
    app.release()
    tap.ok(n.counted(rq_active=0, rq_pending_active=0), 'nothing is left',
           n.counts())
    tap.same(n.bad(), [], 'nothing bad is logged')


def again():
    """An error page leads to the application again: one request, one place."""
    app = App(hold=False)
    n = Limited(app.port, {'maxConnections': 1}, workers=1)
    n.http_more = n.more_http
    n.more_http = n.more_http.replace('location / { mesh_pass ingress; }', '''
        location / {
            mesh_pass ingress;
            proxy_intercept_errors on;
            error_page 404 500 502 503 504 = @again;
        }
        location @again { mesh_pass ingress; }
''')
    app.answer = lambda r: None if r.header('X-Fail') and fails.pop() \
        else reply('app')
    n.start()
    for i in range(3):
        fails = [True, False]
        r = request(n.port, '/', headers={'X-Fail': '1'}, timeout=5)
        tap.same((r.status, r.text), (200, 'app'), 'the second try is let in')
    tap.ok(n.counted(rq_active=0), 'nothing is left', n.counts())


def changes():
    app = App()
    n = Limited(app.port, {'maxConnections': 1}, workers=2).start()
    clients = [Client(n.port, '/1')]
    wait(lambda: app.inside == 1)
    clients.append(Client(n.port, '/2'))
    n.counted(rq_pending_active=1)

    tap.ok(n.change(2, {'maxConnections': 3}), 'the limit is raised')
    clients.append(Client(n.port, '/3'))
    tap.ok(wait(lambda: app.inside == 3), 'all go on by the new one')
    tap.ok(n.reload(), 'a reload')
    tap.ok(n.counted(rq_active=3), 'takes the counts over', n.counts())
    app.release(3)
    tap.same([c.end().status for c in clients], [200] * 3,
             'requests of the old workers are answered, those that wait too')
    tap.ok(n.counted(rq_active=0, rq_pending_active=0), 'nothing is left',
           n.counts())
    tap.ok(n.change(3, None), 'the limit is taken away')
    clients = [Client(n.port, '/%d' % i) for i in range(8)]
    tap.ok(wait(lambda: app.inside == 8), 'and nobody waits')
    app.release(8)
    tap.same([c.end().status for c in clients], [200] * 8, 'all are answered')


def waiting():
    """A document that allows more, or no longer limits, is for those who wait
    as well, though nobody comes and nobody leaves."""
    app = App()
    n = Limited(app.port, {'maxConnections': 1}, workers=2).start()
    clients = [Client(n.port, '/%d' % i) for i in range(6)]
    tap.ok(n.counted(rq_active=1, rq_pending_active=5), 'five wait')
    tap.ok(n.change(2, {'maxConnections': 3}), 'the limit is raised')
    tap.ok(n.counted(rq_active=3, rq_pending_active=3), 'two of them go on',
           n.counts())
    tap.ok(n.change(3, None), 'the limit is taken away')
    tap.ok(wait(lambda: app.inside == 6), 'all go on', app.inside)
    app.release(6)
    tap.same([c.end().status for c in clients], [200] * 6, 'and are answered')
    tap.same(n.bad(), [], 'nothing bad is logged')


def quit():
    """A worker that ends serves those who wait first."""
    app = App()
    n = Limited(app.port, {'maxConnections': 1}, workers=2).start()
    clients = [Client(n.port, '/%d' % i) for i in range(6)]
    n.counted(rq_active=1, rq_pending_active=5)
    os.kill(n.pid, signal.SIGQUIT)
    wait(lambda: not n.worker_pids())
    app.release(6)
    tap.same([c.end().status for c in clients], [200] * 6,
             'a graceful stop answers those who wait')
    tap.ok(n.stop(), 'and ends')
    tap.same(n.bad(), [], 'nothing bad is logged')


tap.run(http_limits, http2_limit, grpc_limit, order, storm, abort, crash,
        timeout, again, changes, waiting, quit)
