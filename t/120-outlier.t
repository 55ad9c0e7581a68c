#!/usr/bin/env python3
#
# Outlier detection, panic and slow start, seen from the client and the
# endpoints.  The numbers of the first parts are those of App Mesh's own
# walkthrough (howto-outlier-detection): 195 good answers and 5 bad ones with
# one bad endpoint of four, 52 and 148 with three.

import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from mesh_test import (SLOW, Backend, Load, Sidecar, connect, document,
                       endpoint, exchange, free_port, node, reply, tap, wait)

EJECTED = r'\[notice\].*mesh: endpoint \S+ of virtual node "n" is ejected'
RETURNED = r'\[notice\].*mesh: endpoint \S+ of virtual node "n" is used again'

# no retries: each attempt is seen by the client
NONE = 'retry_defaults off;'


class Host(Backend):
    """An endpoint that can be made a bad one."""

    def __init__(self, name='good'):
        super().__init__(name, self.respond)
        self.status = '200 OK'

    def respond(self, r):
        return self.status and reply(self.status[:3], self.status)

    def fail(self, status='500 Internal Server Error'):
        self.status = status
        return self

    def mend(self):
        self.status = '200 OK'


def doc(ver, hosts, errors=5, percent=100, interval='30s', base='30s',
        protocol='http', **more):
    n = node('n', [(8080, protocol)])
    n['spec']['listeners'][0]['outlierDetection'] = {
        'maxServerErrors': errors, 'maxEjectionPercent': percent,
        'interval': duration(interval), 'baseEjectionDuration': duration(base)}
    return document(ver, {'n': [h if isinstance(h, dict) else h.port
                                for h in hosts]},
                    protocol=protocol, virtualNodes=[n], **more)


def duration(text):
    if text.endswith('ms'):
        return {'unit': 'ms', 'value': int(text[:-2])}
    return {'unit': 's', 'value': int(text[:-1])}


def sidecar(hosts, workers=1, mesh=NONE, **more):
    n = Sidecar(doc(1, hosts, **more), mesh=mesh, workers=workers).start()
    n.at('1')
    return n


def counts(n, times):
    seen = {}
    for _ in range(times):
        status = n.get().status
        seen[status] = seen.get(status, 0) + 1
    return seen


def row(n, host):
    port = host if isinstance(host, int) else host.port
    for (_, address), values in n.clusters().items():
        if address == '127.0.0.1:%d' % port:
            return values


def cluster(n):
    return [v for (_, address), v in n.clusters().items() if not address][0]


def ejected(n, host):
    return '/failed_outlier_check' in row(n, host)['health_flags']


def walkthrough():
    for workers in (1, 4):
        hosts = [Host() for _ in range(4)]
        n = sidecar(hosts, workers)
        tap.same(counts(n, 20), {200: 20}, '%d workers: all good' % workers)
        hosts[0].fail()
        tap.same(counts(n, 200), {200: 195, 500: 5},
                 '%d workers: one bad endpoint of four' % workers)
        tap.same(len(n.logged(EJECTED)), 1,
                 '%d workers: its ejection is logged once' % workers)
        tap.same([r['health_flags'] for r in map(lambda h: row(n, h), hosts)],
                 ['/failed_outlier_check'] + 3 * ['healthy'],
                 '%d workers: and shown' % workers)
        tap.same(row(n, hosts[0])['ejections'], '1',
                 '%d workers: and counted' % workers)
        tap.same(cluster(n)['membership_ejected'], '1',
                 '%d workers: in the cluster too' % workers)

        for h in hosts[1:3]:
            h.fail()
        counts(n, 100)
        tap.same(len(n.lines(EJECTED)), 3, '%d workers: three bad ones'
                 % workers)
        got = counts(n, 200)
        tap.ok(got.keys() == {200, 500} and 40 <= got[200] <= 60,
               '%d workers: panic, all four get requests' % workers, got)
        tap.same(cluster(n)['panic'], 'true', '%d workers: and it is shown'
                 % workers)
        tap.ok(n.stop(), '%d workers: end' % workers)
        tap.same(n.bad(), [], '%d workers: no alerts' % workers)


# what counts as a failure, and what ends a row of them
def failures():
    good, bad = Host(), Host()
    n = sidecar([good, bad], errors=3)
    for status in ('500 A', '502 B', '503 C', '599 D'):
        bad.fail(status)
        for _ in range(2):
            wait(lambda: n.get().text == status[:3], 5, 0)
        bad.mend()
        counts(n, 4)
        tap.same(row(n, bad)['consecutive_errors'], '0', 'a good answer ends two of '
                 + status[:3])
    bad.fail('404 Not Found')
    counts(n, 20)
    tap.ok(not ejected(n, bad), 'answers of 404 are no errors')
    bad.fail(None)
    counts(n, 20)
    tap.ok(ejected(n, bad), 'closed connections are')
    tap.ok(n.logged(EJECTED), 'and say so')

    gone = free_port()
    n = sidecar([good, endpoint(gone)], errors=3)
    tap.same(counts(n, 100), {200: 97, 503: 3}, 'nor one that is not there')
    tap.ok(n.logged('a connection that failed'), 'with the reason')

    # so long that the good one, which is not slow, is never late
    left = threading.Event()
    slow = Backend('slow', lambda r: left.wait(20 * SLOW) and None)
    n = Sidecar(doc(1, [good, slow], errors=2, routes=[{
        'virtualRouterName': 'app', 'routeName': 'all', 'spec': {'httpRoute': {
            'match': {'prefix': '/'},
            'timeout': {'perRequest': {'unit': 's', 'value': 2}},
            'action': {'weightedTargets': [
                {'virtualNode': 'n', 'weight': 1}]}}}}]), mesh=NONE).start()
    n.at('1')
    tap.same(counts(n, 50), {200: 48, 504: 2}, 'nor one that is too slow')
    tap.ok(n.logged('a timeout'), 'with the reason')
    left.set()

    # retries hide errors from clients, not from the detector
    bad = Host().fail('503 Service Unavailable')
    n = sidecar([good, bad], errors=5, mesh='')
    tap.same(counts(n, 50), {200: 50}, 'with retries')
    tap.same((len(bad.requests), ejected(n, bad)), (5, True),
             'the fifth attempt ejects')


def limits():
    hosts = [Host().fail() for _ in range(4)]
    n = sidecar(hosts, errors=2, percent=50, workers=2)
    counts(n, 40)
    tap.same(sum(ejected(n, h) for h in hosts), 2, 'half of four at most')
    tap.ok(sum(int(row(n, h)['ejections_overflow']) for h in hosts) > 0,
           'more is counted as refused')

    n = sidecar(hosts, errors=2, percent=0)
    counts(n, 40)
    tap.same(sum(ejected(n, h) for h in hosts), 1, 'one always may')

    n = sidecar(hosts[:1], errors=2)
    tap.same(counts(n, 10), {500: 10}, 'the only one is used all the same')


def until_ejected(n, times):
    """No request more than it takes: an endpoint that is back would be ejected
    again.  A time before the last ejection."""
    for _ in range(60):
        begin = time.monotonic()
        n.get()
        if len(n.lines(EJECTED)) >= times:
            break
    return begin


def returns():
    hosts = [Host() for _ in range(4)]
    n = sidecar(hosts, workers=3, interval='200ms', base='500ms')
    hosts[2].fail()
    begin = until_ejected(n, 1)
    tap.same(len(n.lines(EJECTED)), 1, 'one is ejected')
    before = len(hosts[2].requests)
    hosts[2].mend()
    wait(lambda: n.lines(RETURNED), 10)
    tap.ok(time.monotonic() - begin > 0.45, 'it comes back, not at once')
    time.sleep(0.3)
    tap.same(len(n.lines(RETURNED)), 1, 'which is logged once')
    tap.same(counts(n, 60), {200: 60}, 'all are good')
    tap.ok(len(hosts[2].requests) - before >= 12, 'and it has its share')
    tap.same((row(n, hosts[2])['health_flags'], row(n, hosts[2])['ejections']),
             ('healthy', '1'), 'the ejection stays counted')

    # longer the second time, in log and in fact
    hosts[2].fail()
    until_ejected(n, 2)
    lines = n.lines(EJECTED)
    tap.ok(len(lines) == 2 and 'for 500ms' in lines[0]
           and ('for 1000ms' in lines[1] or 'for 500ms' in lines[1]),
           'the second one', lines)


def swaps():
    hosts = [Host() for _ in range(4)]
    n = sidecar(hosts, workers=2)
    hosts[1].fail()
    tap.same(counts(n, 100), {200: 95, 500: 5}, 'one is ejected')

    n.put(doc(2, [hosts[3], hosts[1], hosts[0]]))
    n.at('2')
    tap.same(counts(n, 60), {200: 60}, 'and stays so in the next document')
    n.reload()
    tap.same(counts(n, 60), {200: 60}, 'after a reload')
    killed = n.worker_pids()[0]
    n.send(signal.SIGKILL, killed)
    wait(lambda: len(set(n.worker_pids()) - {killed}) == 2)
    tap.same(counts(n, 60), {200: 60}, 'after a worker was killed')
    n.put(document(3, {'n': [h.port for h in hosts]}))
    n.at('3')
    got = counts(n, 80)
    tap.ok(16 <= got.get(500, 0) <= 24, 'not without outlier detection', got)
    tap.same(len(n.lines(EJECTED)), 1, 'it was logged once')


# while many clients ask many workers at once
def exact():
    hosts = [Host() for _ in range(6)]
    n = sidecar(hosts, workers=4, errors=5, percent=34)
    load = Load(n.egress, clients=8)
    load.more(100)
    for h in hosts[:4]:
        h.fail()
    load.more(400)
    load.stop()
    tap.same(sum(ejected(n, h) for h in hosts), 2, 'two of six, no more')
    tap.same(len(n.lines(EJECTED)), 2, 'two lines')
    tap.same(sum(int(row(n, h)['ejections']) for h in hosts), 2, 'two counts')


def cut():
    """Envoy counts the header, which is well, and then the end, which is not."""
    ways = {'cut': b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123',
            'chunks': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked'
                      b'\r\n\r\n3\r\n123\r\n',
            'none': b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
            'whole': b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n123',
            'close': b'HTTP/1.0 200 OK\r\n\r\n123'}
    way = ['whole']
    a = Backend('a', raw=lambda s, f, r: s.sendall(ways[way[0]]) and False)
    n = sidecar([a, Host()], errors=2)

    def ask(method='GET'):
        for _ in range(6):
            exchange(n.egress, b'%s / HTTP/1.1\r\nHost: app.local\r\n'
                     b'Connection: close\r\n\r\n' % method.encode())
        return int(row(n, a)['consecutive_errors'])

    for way[0] in ('whole', 'close', 'none'):
        tap.same((ask(), ask('HEAD')), (0, 0), way[0] + ' is no error')
    for way[0] in ('cut', 'chunks'):
        tap.same(ask(), 1, way[0] + ': an answer that is cut off is one')
        tap.same(ask('HEAD'), 0, 'but has no body here')
    tap.same(row(n, a)['ejections'], '0', 'and never two in a row')

    # clients that leave
    held = Backend('held', raw=lambda s, f, r: s.sendall(
        b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123')
        or not f.read(1))
    n.put(doc(2, [held], errors=1))
    n.at('2')
    for _ in range(5):
        s = connect(n.egress)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        wait(lambda: s.recv(1000).endswith(b'123'))
        s.close()
    tap.ok(wait(lambda: n.in_flight() == 0), 'clients that leave')
    tap.same(row(n, held)['consecutive_errors'], '0', 'tell nothing')

    way[0] = 'cut'
    n.put(doc(3, [a], errors=1))
    n.at('3')
    ask()
    tap.ok(n.logged(EJECTED + '.*an answer that was cut off'),
           'one is enough where one is')
    tap.same(n.bad(), [], 'no alerts')


def slow_start():
    a, b = Host('a'), Host('b')
    n = Sidecar(doc(1, [a]), mesh='slow_start 5s;' + NONE).start()
    n.at('1')
    tap.same(counts(n, 10), {200: 10}, 'slow start: one alone gets all')
    time.sleep(1)
    n.put(doc(2, [a, b]))
    n.at('2')
    rows = row(n, b), row(n, a)
    a.requests.clear()
    counts(n, 200)
    tap.ok(0 < len(b.requests) < 110, 'a new one gets less than its share',
           len(b.requests))
    tap.ok(int(rows[0]['slow_start_weight'])
           < int(rows[1]['slow_start_weight']), 'as its weight says', *rows)
    wait(lambda: row(n, b)['slow_start_weight'] == '100', 20, 0.1)
    before = len(b.requests)
    counts(n, 100)
    tap.same(len(b.requests) - before, 50, 'and later all of it')

    n = Sidecar(doc(1, [a]), mesh=NONE).start()
    n.at('1')
    n.put(doc(2, [a, b]))
    n.at('2')
    before = len(b.requests)
    counts(n, 100)
    tap.same(len(b.requests) - before, 50, 'it is off by default')


tap.run(walkthrough, failures, limits, returns, swaps, exact, cut, slow_start)
