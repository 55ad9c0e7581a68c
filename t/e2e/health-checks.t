#!/usr/bin/env python3
#
# Active health checks: what they send, what they make of answers, and that
# there is one prober whatever becomes of workers and documents.  Intervals are
# of five seconds at least, so that endpoints are many, waits are few, and parts
# wait together.

import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_fault import together
from mesh_h2 import AVAILABLE, Server, message
from mesh_test import (Backend, Sidecar, at_end, document, endpoint,
                       free_port, reply, tap, wait)

INTERVAL = 5.0


def check(protocol='http', **more):
    hc = {'protocol': protocol, 'healthyThreshold': 2,
          'unhealthyThreshold': 2, 'intervalMillis': 5000,
          'timeoutMillis': 2000}
    if protocol in ('http', 'http2'):
        hc['path'] = '/ping'
    hc.update(more)
    return hc


def checked(version, nodes, protocol='http', hc=None, **more):
    """A document whose nodes are all checked; no service leads to "spare"."""
    doc = document(version, nodes, protocol,
                   weights={n: 1 for n in nodes}, **more)
    for n in doc['virtualNodes']:
        n['spec']['listeners'][0]['healthCheck'] = dict(
            hc or check(protocol), port=8080)
    return doc


def state(n, backend, word):
    port = backend if isinstance(backend, int) else backend.port
    return n.lines(r'endpoint 127\.0\.0\.1:%d of .* is %s: ' % (port, word))


def until(n, backend, word, count=1, timeout=20):
    return wait(lambda: len(state(n, backend, word)) >= count, timeout, 0.02)


def row(n, backend):
    return [values for (cluster, ep), values in n.clusters().items()
            if ep.endswith(':%d' % backend.port)][0]


def flags(n, backend):
    return row(n, backend)['health_flags']


class Silent:
    """Accepts and never says anything."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(('127.0.0.1', 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.kept = []
        at_end(self.socket.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.kept.append(self.socket.accept()[0])
            except OSError:
                return


class Switch:
    """A backend whose answer to checks can be changed."""

    def __init__(self, status='200 OK'):
        self.status = status
        self.backend = Backend('x', answer=self.answer)
        self.port = self.backend.port
        self.lock = threading.Lock()
        self.checks = []

    def turn(self, status):
        """Changes it, and tells how many have got another one."""
        with self.lock:
            self.status = status
            return len(self.checks)

    def answer(self, r):
        if r.path != '/ping':
            return reply(str(self.port))
        with self.lock:
            self.checks.append(time.monotonic())
            return reply('', self.status) if self.status else None


def answers():
    """The first check of endpoints that behave in all ways."""
    up = Backend('up')
    no_content = Backend('204', answer=lambda r: reply('', '204 No Content'))
    broken = Backend('500', answer=lambda r: reply('', '500 Oh No'))
    moved = Backend('302', answer=lambda r: reply(
        '', '302 Found', [('Location', '/')]))
    cut = Backend('cut', answer=lambda r: reply('x' * 100)[:-50],
                  raw=None)
    cut.raw = lambda s, f, r: s.sendall(reply('x' * 100)[:-50]) and False
    closing = Backend('closing', answer=lambda r: None)
    silent = Silent()
    refused = free_port()

    n = Sidecar(checked(1, {'a': [up.port, no_content.port, broken.port,
                                  moved.port, cut.port, closing.port,
                                  silent.port, refused]}),
                workers=2).start()

    tap.ok(until(n, up, 'healthy'), 'an endpoint that answers 200 is healthy')
    for what, port, why in (
            ('204', no_content.port, 'it answered 204'),
            ('500', broken.port, 'it answered 500'),
            ('a redirect', moved.port, 'it answered 302'),
            ('half an answer', cut.port,
             'closed the connection within its answer'),
            ('no answer', closing.port, 'it closed the connection'),
            ('silence', silent.port, 'it did not answer within 2000 ms'),
            ('no listener', refused, r'failed in connect\(\) \(111: ')):
        until(n, port, 'unhealthy')
        lines = state(n, port, 'unhealthy')
        tap.ok(len(lines) == 1 and why.replace('\\', '') in lines[0],
               what + ' is unhealthy', lines, n.errors(5))

    r = up.requests[0]
    tap.same((r.line, r.header('Host'), r.header('User-Agent'),
              r.header('Connection')),
             ('GET /ping HTTP/1.1', 'cds_egress_m_a_http_8080', 'Envoy/HC',
              'close'), 'what a check sends')

    tap.same([flags(n, x) for x in (up, broken, silent)],
             ['healthy', '/failed_active_hc', '/failed_active_hc'],
             'the page of clusters tells')

    tap.ok(wait(lambda: len(up.requests) >= 2), 'it is checked again')
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad() + n.lines(r'\[(error|crit)\]'), [],
             'nothing else in the log')


def thresholds():
    """Going down and up, one prober for two workers, one line a change."""
    a, b = Switch(), Switch()

    n = Sidecar(checked(1, {'a': [a.port, b.port]}), workers=2).start()
    until(n, a, 'healthy')
    until(n, b, 'healthy')
    start = time.monotonic()

    a.turn('503 No')
    before = b.turn(None)

    tap.ok(until(n, a, 'unhealthy'), 'a bad answer is believed')
    tap.ok(until(n, b, 'unhealthy'), 'and so is none')
    tap.same(len(b.checks) - before, 2, 'after two of them')

    b.turn('200 OK')
    before = a.turn('200 OK')
    tap.ok(until(n, a, 'healthy', 2), 'and it is healthy again')
    tap.same(len(a.checks) - before, 2, 'after two successes')

    took = time.monotonic() - start
    count = len([t for t in a.checks if t >= start])
    tap.ok(abs(count - took / INTERVAL) <= 1.5,
           'one prober for all workers',
           '%d checks in %.1f s' % (count, took))

    gaps = [y - x for x, y in zip(a.checks, a.checks[1:])]
    # each may have been seen late
    tap.ok(all(3 < g < 7 for g in gaps)
           and 4.7 < sum(gaps) / len(gaps) < 5.8, 'intervals are kept', gaps)

    tap.same([len(state(n, a, 'healthy')), len(state(n, a, 'unhealthy'))],
             [2, 1], 'each change is told once')
    tap.same(row(n, a)['health_changes'], '3', 'and counted')
    tap.ok(n.stop(), 'nginx ends')


def processes():
    """The state survives reloads, crashes and documents."""
    a, b, c, spare = Switch(), Switch('500 No'), Switch(), Switch()

    def doc(version, *eps, **more):
        d = checked(version, {'a': [x.port for x in eps]}, **more)
        d['virtualNodes'].append(checked(0, {'spare': []})['virtualNodes'][0])
        d['endpoints']['spare'] = [endpoint(spare.port)]
        return d

    n = Sidecar(doc(1, a, b), workers=2).start()
    until(n, a, 'healthy')
    until(n, b, 'unhealthy')

    tap.ok(n.reload(), 'a reload')
    seen = len(a.checks)
    tap.ok(wait(lambda: len(a.checks) > seen, 15), 'checks go on')
    tap.same([len(state(n, a, 'healthy')), len(state(n, b, 'unhealthy'))],
             [1, 1], 'from the state before')

    agent = n.info()['config']['agent']
    n.send(signal.SIGKILL, agent)
    wait(lambda: n.info()['config']['agent'] not in (0, agent))

    seen = len(a.checks)
    tap.ok(wait(lambda: len(a.checks) > seen, 20), 'the prober was killed, '
           'another one took over')
    tap.same([len(state(n, a, 'healthy')), len(state(n, b, 'unhealthy'))],
             [1, 1], 'where that one was')

    n.put(doc(2, a, b, c))
    tap.ok(until(n, c, 'healthy'), 'a new endpoint is checked soon')
    tap.ok(len(c.checks) == 1, 'one success is enough')
    tap.same(len(state(n, a, 'healthy')), 1, 'the others stay as they were')

    n.put(doc(3, b, c))
    n.at('3')
    time.sleep(1.5)
    seen = len(a.checks)
    before = len(c.checks)
    tap.ok(wait(lambda: len(c.checks) > before + 1, 20), 'some checks later')
    tap.same(len(a.checks), seen, 'a removed endpoint is not checked')

    plain = document(4, {'a': [b.port, c.port]})
    n.put(plain)
    n.at('4')
    time.sleep(1.5)
    seen = len(b.checks) + len(c.checks)
    time.sleep(INTERVAL + 1)
    tap.same(len(b.checks) + len(c.checks), seen,
             'nor is one without a health check')
    got = {n.get().text for _ in range(20)}
    tap.same(got, {str(b.port), str(c.port)}, 'which is used again')

    tap.same(spare.checks, [], 'what no route leads to is not checked')
    tap.ok(n.stop(), 'nginx ends')
    tap.same([x for x in n.bad() if 'signal 9' not in x], [],
             'nothing in the log')


def traffic():
    """Who gets requests, at the start, in panic, and with a new endpoint."""
    a, b, c, d = [Switch() for _ in range(4)]
    everyone = {str(x.port) for x in (a, b, c, d)}
    d.status = '500 No'

    def used(n, requests=60):
        return {n.get().text for _ in range(requests)}

    def doc(version, *eps):
        return checked(version, {'a': [x.port for x in eps]},
                       hc=check(timeoutMillis=15000))

    n = Sidecar(doc(1, a, b, c, d), workers=2).start()
    tap.same(n.get().status, 200, 'a proxy that starts serves, before checks')
    until(n, d, 'unhealthy')
    for x in (a, b, c):
        until(n, x, 'healthy')
    tap.same(used(n), everyone - {str(d.port)},
             'an unhealthy endpoint gets no requests')

    for x in (b, c):
        x.status = '500 No'
    until(n, b, 'unhealthy')
    tap.ok(until(n, c, 'unhealthy'), 'three of four are unhealthy')
    tap.ok(wait(lambda: used(n, 20) == everyone),
           'less than half are healthy: all get requests')

    for x in (b, c):
        x.status = '200 OK'
    until(n, b, 'healthy', 2)
    until(n, c, 'healthy', 2)
    tap.same(used(n), everyone - {str(d.port)}, 'and then those who recover')

    held = threading.Event()
    at_end(held.set)
    late = Backend('late', answer=lambda r: (
        held.wait(20) if r.path == '/ping' else None) and reply('late')
        or reply('late'))
    n.put(doc(2, a, b, c, late))
    n.at('2')
    tap.ok(wait(lambda: late.requests), 'a new endpoint is checked')
    got = used(n)
    tap.ok('late' not in got, 'and not used before', got)
    tap.same(flags(n, late), '/pending_active_hc', 'as the page tells')
    held.set()
    until(n, late, 'healthy')
    tap.ok('late' in used(n), 'but after', n.errors(4))

    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad(), [], 'nothing in the log')


def storm():
    """Many endpoints: few connections at a time, and an end at once."""
    most = [0]
    now = [0]
    total = [0]
    lock = threading.Lock()

    def slow(r):
        with lock:
            now[0] += 1
            total[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with lock:
            now[0] -= 1
        return reply('')

    b = Backend('many', answer=slow, host='0.0.0.0')
    eps = [endpoint(b.port, ip='127.%d.%d.%d' % (i // 60000, i // 250 % 250,
                                                 i % 250 + 1))
           for i in range(1000)]

    n = Sidecar(checked(1, {'a': eps}, hc=check(timeoutMillis=15000)),
                workers=1, level='notice').start()
    tap.ok(wait(lambda: total[0] >= 1000, 30), 'all are checked', total)
    tap.ok(most[0] <= 100, 'a hundred at a time at most', most)
    start = time.monotonic()
    tap.ok(n.stop(), 'nginx ends')
    tap.ok(time.monotonic() - start < 4, 'and waits for no check')
    tap.same(n.bad(), [], 'nothing in the log')


def http2():
    """HTTP/2 with prior knowledge, gRPC, and TCP."""
    if not AVAILABLE:
        tap.skip('HTTP/2', 'python3-h2 is not there')
        return

    status = {'code': '200', 'serving': b'\x08\x01', 'grpc': '0'}

    def answer(call):
        call.receive()
        headers = [(':status', status['code'])]
        if not call.path.startswith('/grpc.'):
            call.respond(headers)
            call.send(b'ok', end=True)
            return
        call.respond(headers + [('content-type', 'application/grpc')])
        call.send(message(status['serving']))
        call.respond([('grpc-status', status['grpc'])], end=True)

    def stuck(call):
        call.receive()

    h2, grpc = Server(answer), Server(answer)
    silent = Server(stuck)
    plain = Backend('plain')
    down = free_port()
    bind = socket.socket()
    bind.bind(('127.0.0.1', 0))
    bind.listen(16)
    at_end(bind.close)
    tcp = bind.getsockname()[1]

    routes = [
        {'virtualRouterName': 'app', 'routeName': name, 'spec': {
            'priority': i, 'http2Route': {
                'match': {'prefix': '/' + name},
                'action': {'weightedTargets': [
                    {'virtualNode': name, 'weight': 1}]}}}}
        for i, name in enumerate(('h2', 'grpc', 'tcp'))]
    doc = checked(1, {'h2': [h2.port, silent.port, plain.port],
                      'grpc': [grpc.port, free_port()],
                      'tcp': [tcp, down]}, 'http2', routes=routes)
    for node, protocol in zip(doc['virtualNodes'], ('http2', 'grpc', 'tcp')):
        node['spec']['listeners'][0]['healthCheck'] = check(protocol,
                                                            port=8080)

    n = Sidecar(doc, workers=2).start()
    tap.ok(until(n, h2, 'healthy'), 'HTTP/2', n.errors(5))
    tap.ok(until(n, grpc, 'healthy'), 'gRPC', n.errors(5))
    tap.ok(until(n, tcp, 'healthy'), 'TCP', n.errors(5))
    tap.ok(until(n, plain, 'unhealthy'), 'HTTP/1.1 is not HTTP/2')
    tap.ok(until(n, down, 'unhealthy'), 'no listener')
    tap.ok(until(n, silent, 'unhealthy'), 'no answer')

    call = h2.calls[0]
    tap.same(sorted(call.headers),
             [(':authority', 'cds_egress_m_h2_http2_8080'),
              (':method', 'GET'), (':path', '/ping'), (':scheme', 'http'),
              ('user-agent', 'Envoy/HC')], 'what HTTP/2 sends')
    call = grpc.calls[0]
    tap.same((call.path, call.header(':method'), call.header('te'),
              call.header('content-type'), call.data),
             ('/grpc.health.v1.Health/Check', 'POST', 'trailers',
              'application/grpc', message(b'')), 'what gRPC sends')

    status.update(code='503')
    tap.ok(until(n, h2, 'unhealthy'), 'a status of HTTP/2')
    tap.ok(state(n, h2, 'unhealthy')[0].endswith('it answered 503'),
           'is told', state(n, h2, 'unhealthy'))
    until(n, grpc, 'unhealthy')
    status.update(code='200')
    tap.ok(until(n, grpc, 'healthy', 2), 'gRPC recovers')
    status.update(serving=b'\x08\x02')
    tap.ok(until(n, grpc, 'unhealthy', 2), 'NOT_SERVING')
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad(), [], 'nothing in the log')


def intervals():
    """What waits for intervals does so at the same time."""
    together((answers, thresholds, traffic, processes, http2))


tap.run(intervals, storm)
