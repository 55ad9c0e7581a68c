#!/usr/bin/env python3
#
# What a caller sees of endpoints that misbehave, and how often these were
# asked: each fault under each policy.  A retry too few is an error that App
# Mesh would have hidden, one too many may be a payment made twice.

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_h2
from mesh_fault import (FLAGS, Fault, Mesh, closed, duration, full, policy,
                        routed, spent)
from mesh_test import (SLOW, Backend, Sidecar, connect, exchange, node,
                       read_all, reply, request, tap, wait)


NONE = policy('server-error', retries=0)
SERVER = policy('server-error')
GATEWAY = policy('gateway-error')
CLIENT = policy('client-error')
STREAM = policy('stream-error')
CONNECT = policy('connection-error')

# script: policy, attempts, status, flags; None is the default policy

TABLE = [
    ('status 503', None, 3, 503, '-'),
    ('status 500', None, 1, 500, '-'),
    ('status 502', None, 1, 502, '-'),
    ('close', None, 3, 503, 'UC'),
    ('reset', None, 3, 503, 'UC'),
    ('close 12', None, 3, 503, 'UC'),
    ('reset 30', None, 3, 503, 'UC'),
    ('garbage', None, 3, 503, 'UC'),

    ('status 503', NONE, 1, 503, '-'),
    ('close', NONE, 1, 503, 'UC'),

    ('close', SERVER, 3, 503, 'UC'),
    ('close 12', GATEWAY, 3, 503, 'UC'),
    ('reset', CLIENT, 3, 503, 'UC'),

    # neither says that the request was not processed
    ('close', STREAM, 1, 503, 'UC'),
    ('reset', CONNECT, 1, 503, 'UC'),
    ('status 503', STREAM, 1, 503, '-'),
    ('status 503', CONNECT, 1, 503, '-'),

    ('status 409', CLIENT, 3, 409, '-'),
    ('status 409', SERVER, 1, 409, '-'),
    ('status 503', CLIENT, 1, 503, '-'),
    ('status 404', CLIENT, 1, 404, '-'),
    ('status 429', SERVER, 1, 429, '-'),

    ('status 503', policy('server-error', retries=1), 2, 503, '-'),
    ('status 503', policy('server-error', retries=10), 11, 503, '-'),
    ('status 409', policy('gateway-error', 'client-error', 'stream-error'),
     3, 409, '-'),
    ('status 504', policy('gateway-error', 'client-error', 'stream-error'),
     3, 504, '-'),
]

TABLE += [('status %d' % s, SERVER, 3 if s != 509 else 1, s, '-')
          for s in (500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 510,
                    511)]
TABLE += [('status %d' % s, GATEWAY, 3 if s in (502, 503, 504) else 1, s, '-')
          for s in (500, 501, 502, 503, 504, 505)]


def name_of(p):
    if p is None:
        return 'default policy'
    events = [e for k in sorted(p) if k.endswith('Events') for e in p[k]]
    return '%s, %d retries' % ('+'.join(events), p['maxRetries'])


def table():
    m = Mesh()
    f = Fault('ok', n=12)
    for script, retry, attempts, status, flags in TABLE:
        f.reset(script)
        m.use(f.ports, retry=retry)
        r = m.n.get(method='POST', body=b'pay')
        ports = [a[0] for a in f.attempts]
        tap.same((len(ports), r.status, r.header('X-Flags')),
                 (attempts, status, spent(flags, attempts)),
                 '%s: %s' % (script, name_of(retry)))
        if len(set(ports)) != len(ports) or \
                [a[2] for a in f.attempts] != [b'pay'] * len(ports):
            tap.ok(False, 'on other endpoints, with the body', f.attempts)
        if script.startswith('status') and (
                r.header('X-Own') != script[7:] or r.text != script):
            tap.ok(False, 'the last answer is passed on', r.headers, r.text)
    m.end()


# how often GET is made under appmesh, safe, off, and POST under the same

ATTEMPTS = {
    'answer': (1, 1, 1, 1, 1, 1),
    # may have been processed
    'reset': (3, 3, 1, 3, 1, 1),
    'busy': (3, 3, 1, 3, 1, 1),
}

# script: kind, status, flags, body, whether that is all of it

FAULTS = [
    ('ok', 'answer', 200, '-', b'ok', True),
    ('status 409', 'answer', 409, '-', b'status 409', True),
    ('status 503', 'busy', 503, '-', b'status 503', True),
    ('long 5', 'answer', 200, '-', b'0123456789', True),

    # an answer that has begun is not asked for again
    ('body 0', 'answer', 200, '-', b'', False),
    ('body 3', 'answer', 200, '-', b'012', False),
    ('body 9', 'answer', 200, '-', b'012345678', False),
    ('cut 0', 'answer', 200, '-', b'', False),
    ('cut 3', 'answer', 200, '-', b'012', False),
    ('chunks 0', 'answer', 200, '-', b'', False),
    ('chunks 2', 'answer', 200, '-', b'abab', False),

    # interim answers are none
    ('interim 100 ok', 'answer', 200, '-', b'ok', True),
    ('interim 102 ok', 'answer', 200, '-', b'ok', True),
    ('interim 103 ok', 'answer', 200, '-', b'ok', True),
    ('interim 100 interim 103 sleep 30', 'answer', 200, '-', b'ok', True),
    ('both 100', 'answer', 200, '-', b'0123456789', True),
    ('both 103', 'answer', 200, '-', b'0123456789', True),
    ('interim 103 both 100', 'answer', 200, '-', b'0123456789', True),
    ('interim 100 status 503', 'busy', 503, '-', b'status 503', True),
    ('interim 100 close', 'reset', 503, 'UC', None, True),
    ('interim 103 reset', 'reset', 503, 'UC', None, True),
    ('interim 101 ok', 'reset', 503, 'UC', None, True),
    ('both 101', 'reset', 503, 'UC', None, True),
    ('interim 99 ok', 'reset', 503, 'UC', None, True),

    ('close', 'reset', 503, 'UC', None, True),
    ('close 1', 'reset', 503, 'UC', None, True),
    ('close 15', 'reset', 503, 'UC', None, True),
    ('close 37', 'reset', 503, 'UC', None, True),
    ('reset', 'reset', 503, 'UC', None, True),
    ('reset 1', 'reset', 503, 'UC', None, True),
    ('reset 37', 'reset', 503, 'UC', None, True),
    ('garbage', 'reset', 503, 'UC', None, True),
    ('huge', 'reset', 503, 'UC', None, True),
]


def ask(m, method, chunks=None, pause=0.0):
    """(status, flags, body, whether it is complete)"""
    s = connect(m.n.egress)
    s.sendall(b'%s / HTTP/1.1\r\nHost: app.local\r\nConnection: close\r\n%s'
              b'\r\n' % (method, b'' if method == b'GET' else
                         b'Transfer-Encoding: chunked\r\n' if chunks else
                         b'Content-Length: 3\r\n'))
    for x in chunks or ([] if method == b'GET' else [b'pay']):
        s.sendall(b'%x\r\n%s\r\n' % (len(x), x) if chunks else x)
        time.sleep(pause)
    if chunks:
        s.sendall(b'0\r\n\r\n')
    head, _, body = read_all(s).partition(b'\r\n\r\n')
    line, *fields = head.decode().split('\r\n')
    fields = {k.lower(): v for k, v in (f.split(': ', 1) for f in fields)}
    if 'content-length' in fields:
        complete = int(fields['content-length']) == len(body)
    else:
        complete = body.endswith(b'0\r\n\r\n')
        body = b''.join(body.split(b'\r\n')[1::2])
    return int(line.split(' ')[1]), fields.get('x-flags'), body, complete


def faults():
    f = Fault('ok')
    meshes = [Mesh(mesh='retry_defaults %s;' % mode)
              for mode in ('appmesh', 'safe', 'off')]
    for m in meshes:
        m.use(f.ports)
    for script, kind, *want in FAULTS:
        got, took = [], []
        for method in (b'GET', b'POST'):
            for m in meshes:
                f.reset(script)
                seen, t = timed(lambda: ask(m, method))
                got.append(len(f.attempts))
                took.append(t)
                attempts = ATTEMPTS[kind][len(got) - 1]
                expected = (want[0], spent(want[1], attempts),
                            want[2] if want[2] is not None else seen[2],
                            want[3])
                if seen != expected or t > 5 * SLOW:
                    tap.ok(False, '%s: %s' % (method.decode(), script), seen,
                           expected, t, m.n.errors(3))
                f.reset('body 10')
                if ask(m, b'GET') != (200, '-', b'0123456789', True):
                    tap.ok(False, 'the next answer is right', script)
        tap.same(tuple(got), ATTEMPTS[kind], '%s: %s' % (kind, script))
        if sorted(took)[2] > 0.5 * SLOW:
            tap.ok(False, 'at once: ' + script, took)
    for m in meshes:
        m.end()


def streamed():
    """Bodies of unknown length are not held back, and sent again all the
    same."""
    f = Fault('ok')
    m = Mesh()
    m.use(f.ports)
    half = [b'a' * 1000, b'b' * 2000]
    for script, chunks, attempts, status in (
            (('status 503', 'ok'), half, 2, 200),
            (('close', 'reset', 'ok'), half, 3, 200),
            (('status 503',), half, 3, 503),
            (('early status 503', 'ok'), half, 2, 200),
            (('early close', 'ok'), half, 2, 200),
            (('early reset', 'early status 503', 'ok'), half, 3, 200),
            (('status 503', 'ok'), [b'x' * 6000] * 10, 2, 200),
            (('status 503', 'ok'), [b'x' * 6000] * 11, 1, 503)):
        f.reset(*script)
        got = ask(m, b'POST', chunks, 0.02)
        tap.same((len(f.attempts), got[0], got[3]), (attempts, status, True),
                 '%s: %d bytes in chunks' % (', '.join(script),
                                             len(b''.join(chunks))))
        if status == 200 and f.attempts[-1][2] != b''.join(chunks):
            tap.ok(False, 'which are sent again', f.attempts)

    f.reset('early ok')
    s = connect(m.n.egress)
    s.sendall(b'POST / HTTP/1.1\r\nHost: app.local\r\n'
              b'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n')
    tap.ok(wait(lambda: f.attempts), 'the server has it before its end')
    s.close()
    m.end()


def connecting():
    m = Mesh()
    for retry, attempts in ((None, 3), (SERVER, 3), (CONNECT, 3),
                            (STREAM, 1), (NONE, 1)):
        m.use([closed() for _ in range(4)], retry=retry)
        tap.same((m.n.get().status, m.n.get().header('X-Flags')),
                 (503, spent('UF', attempts)),
                 'refused: ' + name_of(retry))
        tried = sum(int(c.get('cx_connect_fail', 0))
                    for c in m.n.clusters().values())
        tap.same(tried, 2 * attempts, '%d attempts' % attempts)

    f = Fault('ok', n=1)
    m.use([closed(), f.ports[0]])
    tap.same([m.n.get(method='POST', body=b'x').status for _ in range(6)],
             [200] * 6, 'the other endpoint is found')

    p = full()
    m.use([p], retry=NONE)
    t = time.monotonic()
    r = m.n.get()
    t = time.monotonic() - t
    tap.same((r.status, r.header('X-Flags')), (503, 'UF'), 'no SYN comes back')
    tap.ok(0.95 < t < 4 * SLOW, 'after a second', t)
    m.end()


def recovering():
    """The fault goes away, with the answer of the last attempt."""
    m = Mesh()
    f = Fault('ok')
    for script, attempts in ((('status 503', 'ok'), 2),
                             (('close', 'status 503', 'ok'), 3),
                             (('garbage', 'reset 20', 'ok'), 3)):
        f.reset(*script)
        m.use(f.ports)
        r = m.n.get(method='POST', body=b'x' * 1000)
        tap.same((r.status, r.text, r.header('X-Flags'), len(f.attempts)),
                 (200, 'ok', '-', attempts), ', '.join(script))

    f = Fault('status 503', 'ok', n=1)
    m.use(f.ports)
    tap.same((m.n.get().status, len(f.attempts)), (200, 2),
             'the only endpoint is asked again')

    f = Fault('status 503', 'ok')
    m.use(f.ports)
    s = connect(m.n.egress)
    s.sendall(b'POST / HTTP/1.1\r\nHost: app.local\r\nConnection: close\r\n'
              b'Content-Length: 5\r\n\r\nab')
    time.sleep(0.05)
    tap.same(len(f.attempts), 0, 'a small body is read first')
    s.sendall(b'cde')
    tap.ok(b' 200 ' in read_all(s), 'and can be sent again')
    tap.same([a[2] for a in f.attempts], [b'abcde'] * 2, 'as it was')

    f.reset('status 503', 'ok')
    r = m.n.get(method='POST', body=b'z' * 300000)
    tap.same((r.status, len(f.attempts)), (503, 1),
             'one over 64 KiB is not kept')
    m.end()


def backoff():
    m = Mesh()
    f = Fault('status 503', n=1)
    m.use(f.ports, retry=policy('server-error', retries=8))
    gaps = []
    for _ in range(10):
        f.reset()
        m.n.get()
        t = [a[3] for a in f.attempts]
        gaps.append([b - a for a, b in zip(t, t[1:])])
    tap.same({len(g) for g in gaps}, {8}, 'eight retries')
    first = [g[0] for g in gaps]
    late = [x for g in gaps for x in g[4:]]
    tap.say('first %.0f ms at most, later ones %.0f on average, %.0f at most'
            % (max(first) * 1000, sum(late) / len(late) * 1000,
               max(late) * 1000))
    # the machine may be late with some
    tap.ok(sorted(first)[3] < 0.04 * SLOW, 'the first within 25 ms', first)
    most = sorted(late)[:-8]
    tap.ok(sum(late) / len(late) > 0.055 and sum(most) / len(most)
           < 0.2 * SLOW, 'later ones 125 ms on average')
    tap.ok(most[-1] < 0.3 * SLOW, 'and 250 at most', late)

    # the worker does not wait with them
    enough = threading.Event()

    def retried():
        while not enough.is_set():
            m.n.get()

    slow = threading.Thread(target=retried)
    slow.start()
    t = sorted(timed(lambda: m.n.page('/server_info'))[1] for _ in range(50))
    tap.ok(t[25] < 0.05 * SLOW and t[-1] < 5 * SLOW,
           'other requests are served meanwhile', t)
    enough.set()
    slow.join()

    # clients that leave during one
    for _ in range(20):
        s = connect(m.n.egress)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        time.sleep(0.01)
        s.close()
    m.end()


def timed(call):
    t = time.monotonic()
    r = call()
    return r, time.monotonic() - t


# fault, timeout and policy: attempts, status, flags, seconds

TIMES = [
    ('mute', {'perRequest': 300}, NONE, 1, 504, 'UT', 0.3),
    ('drip 50', {'perRequest': 300}, NONE, 1, 504, 'UT', 0.3),
    ('sleep 150', {'perRequest': 3000}, NONE, 1, 200, '-', 0.15),
    # each attempt, and all of them
    ('mute', {'perRequest': 3000}, policy('server-error', per_try=200),
     3, 504, 'UT,URX', 0.6),
    ('drip 50', {'perRequest': 3000}, policy('server-error', per_try=200),
     3, 504, 'UT,URX', 0.6),
    # two backoffs are 75 ms at most
    ('mute', {'perRequest': 2500}, policy('server-error', per_try=900),
     3, 504, 'UT', 2.5),
    ('mute', {'perRequest': 150}, policy('server-error', per_try=200),
     1, 504, 'UT', 0.15),
    # a timeout is no event of these
    ('mute', {'perRequest': 3000}, policy('connection-error', per_try=200),
     1, 504, 'UT', 0.2),
    ('mute', {'idle': 300, 'perRequest': 0}, SERVER, 1, 504, 'UT', 0.3),
    ('sleep 700', {'perRequest': 0}, NONE, 1, 200, '-', 0.7),
]


def timeouts():
    m = Mesh()
    f = Fault('ok')
    for script, times, retry, attempts, status, flags, sec in TIMES:
        f.reset(script)
        m.use(f.ports, retry=retry, timeout=times)
        r, t = timed(m.n.get)
        name = '%s, %s, try %d' % (
            script, ' '.join('%s=%d' % x for x in sorted(times.items())),
            retry['perRetryTimeout']['value'])
        tap.same((len(f.attempts), r.status, r.header('X-Flags')),
                 (attempts, status, flags), name)
        if status == 504:
            tap.same(r.text, 'upstream request timeout', 'with its text')
        tap.ok(sec - 0.02 < t < sec + 2 * SLOW, 'in %.2f s' % sec, t)
    m.end()


def cut(m, f, **kw):
    f.reset('trickle 20')
    m.use(f.ports, **kw)
    return timed(lambda: exchange(
        m.n.egress, b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n'))


def body():
    log = 'access_log logs/access.log mesh;'
    m = Mesh(egress=log)
    f = Fault('ok')
    data, t = cut(m, f, timeout={'perRequest': 1000})
    tap.ok(b' 200 OK' in data and 0.98 < t < 4 * SLOW,
           'a body that trickles is cut off', t, data[:100])
    tap.same(len(f.attempts), 1, 'and not asked for again')

    def logged():
        with open(m.n.path('logs/access.log')) as x:
            return ' 200 UT ' in x.read()

    tap.ok(wait(logged), 'it is logged as UT')

    data, t = cut(m, f, retry=policy('server-error', per_try=1000),
                  timeout={'perRequest': 2000})
    tap.ok(b' 200 OK' in data and len(f.attempts) == 1
           and 1.98 < t < 5 * SLOW,
           'perRetryTimeout does not count once the answer has begun', t)

    f.reset('body 3')
    m.use(f.ports)
    s = connect(m.n.egress)
    s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
    data = read_all(s)
    tap.ok(data.endswith(b'\r\n\r\n012') and len(f.attempts) == 1,
           'a body that ends early reaches the client as that', data)
    m.end()


def uploads():
    """perRequest begins when the request has arrived."""
    m = Mesh()
    f = Fault('ok')
    m.use(f.ports, timeout={'perRequest': 1000}, retry=NONE)
    s = connect(m.n.egress)
    s.sendall(b'POST / HTTP/1.1\r\nHost: app.local\r\nConnection: close\r\n'
              b'Content-Length: 100000\r\n\r\n')
    for _ in range(10):
        s.sendall(b'x' * 10000)
        time.sleep(0.15)
    tap.ok(b' 200 ' in read_all(s), 'a client that takes longer is not cut')

    f.reset('mute')
    s = connect(m.n.egress)
    s.sendall(b'POST / HTTP/1.1\r\nHost: app.local\r\nConnection: close\r\n'
              b'Content-Length: 100000\r\n\r\n' + b'x' * 50000)
    time.sleep(1.2)

    def rest():
        s.sendall(b'x' * 50000)
        return read_all(s)

    data, t = timed(rest)
    tap.ok(b' 504 ' in data and 0.98 < t < 4 * SLOW,
           'the server has all of its time after that', t, data[:80])
    m.end()


def websocket():
    def upgrade(s, f, r):
        s.sendall(b'HTTP/1.1 101 Switching Protocols\r\n'
                  b'Connection: upgrade\r\nUpgrade: websocket\r\n\r\n')
        while True:
            data = s.recv(100)
            if not data:
                return False
            s.sendall(data)

    b = Backend('ws', raw=upgrade)
    m = Mesh()
    m.use([b.port], timeout={'perRequest': 1000, 'idle': 2000})
    s = connect(m.n.egress)
    s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\nConnection: Upgrade\r\n'
              b'Upgrade: websocket\r\n\r\n')
    tap.ok(b' 101 ' in s.recv(1000), 'upgraded')
    for _ in range(4):
        time.sleep(0.4)
        t = time.monotonic()
        s.sendall(b'ping')
        got = s.recv(100)
        if got != b'ping':
            break
    tap.same(got, b'ping', 'perRequest ends with the upgrade')
    data, t = read_all(s), time.monotonic() - t
    # what is noticed at most a quarter late
    tap.ok(data == b'' and 1.95 < t < 6 * SLOW, 'idle does not', t)
    m.end()


def defaults():
    """retry_defaults, for routes without a policy."""
    f = Fault('ok')
    # fault, method: attempts under appmesh, safe, off
    for script, method, *want in (('status 503', 'GET', 3, 3, 1),
                                  ('status 503', 'POST', 3, 1, 1),
                                  ('close', 'PUT', 3, 3, 1),
                                  ('close', 'POST', 3, 1, 1)):
        got = []
        for mode in ('appmesh', 'safe', 'off'):
            m = Mesh(mesh='retry_defaults %s;' % mode)
            f.reset(script)
            m.use(f.ports)
            m.n.get(method=method, body=b'x' if method != 'GET' else None)
            got.append(len(f.attempts))
            tap.ok('"%s"' % mode in m.n.page('/config_dump').text,
                   '%s is in /config_dump' % mode)
            m.n.stop()
        tap.same(got, want, '%s, %s' % (script, method))

    m = Mesh(mesh='retry_defaults safe;')
    m.use([closed(), closed(), f.ports[0]])
    f.reset('ok')
    tap.same([m.n.get(method='POST', body=b'x').status for _ in range(6)],
             [200] * 6, 'safe: what was never sent is')

    # 40 requests at a time that all fail; those that are tried again stay
    # until the others have ended, so that no place is used twice
    f = Fault('ok')
    gates = [threading.Event(), threading.Event()]
    ended = []

    def busy(s, gate):
        gates[int(gate)].wait(20 * SLOW)
        s.sendall(reply('x', '503 Busy'))
        return True

    f.do_busy = busy
    f.reset(*['busy 0'] * 40, 'busy 1')
    m.use(f.ports)
    threads = [threading.Thread(target=lambda: ended.append(m.n.get()))
               for _ in range(40)]
    for t in threads:
        t.start()
    wait(lambda: len(f.attempts) == 40)
    gates[0].set()
    wait(lambda: len(ended) + len(f.attempts) == 2 * 40)
    retried = len(f.attempts) - 40
    gates[1].set()
    for t in threads:
        t.join()
    tap.ok(3 <= retried <= 8 and len(f.attempts) <= 40 + 2 * retried,
           'safe: retries stay within the budget',
           (retried, len(f.attempts)))
    m.end()


def ingress():
    """At ingress the listener's times count, and nothing is retried."""
    app = Fault('ok', n=1)
    d = routed(1, [1])
    d['virtualNodes'] = [node('a', [(app.ports[0], 'http')])]
    d['virtualNodes'][0]['spec']['listeners'][0]['timeout'] = {
        'http': {'perRequest': duration(1000)}}
    n = Sidecar(d, resource='virtualNode/a', http='''
server {
    listen 127.0.0.1:%%d;
    location / { mesh_pass ingress; %s }
}''' % FLAGS)
    from mesh_test import free_port
    port = free_port()
    n.more_http = n.more_http % port
    n.start()
    n.at('1')
    app.reset('status 503')
    r = request(port)
    tap.same((r.status, len(app.attempts)), (503, 1), 'a 503 is passed on')
    app.reset('close')
    r = request(port, method='POST', body=b'x')
    tap.same((r.status, len(app.attempts)), (503, 1), 'no answer is one')
    app.reset('mute')
    r, t = timed(lambda: request(port))
    tap.same((r.status, r.header('X-Flags'), len(app.attempts)),
             (504, 'UT', 1), 'perRequest of the listener')
    tap.ok(0.98 < t < 4 * SLOW, 'in a second', t)
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def unary(c, path='/s/M', data=b'hello'):
    """HEADERS and DATA in one write, as gRPC libraries do it."""
    n = c.h2.get_next_available_stream_id()
    c.h2.send_headers(n, [
        (':method', 'POST'), (':scheme', 'http'), (':authority', 'app.local'),
        (':path', path), ('content-type', 'application/grpc'),
        ('te', 'trailers')])
    c.streams[n] = mesh_h2.Stream()
    c.h2.send_data(n, mesh_h2.message(data), end_stream=True)
    c.flush()
    return c.until(n)


def grpc():
    if not mesh_h2.AVAILABLE:
        tap.skip('gRPC', 'needs python3-h2')
        return

    from mesh_test import free_port, listen_http2
    script, seen = [], []
    ok = [(':status', '200'), ('content-type', 'application/grpc')]

    def answer(call):
        step = script[min(len(seen), len(script) - 1)]
        seen.append(step)
        call.receive()
        if step == 'ok':
            call.respond(ok)
            call.send(call.data)
            call.respond([('grpc-status', '0')], end=True)
        elif step.startswith('grpc'):
            call.respond(ok + [('grpc-status', step[5:])], end=True)
        elif step.startswith('trailer'):
            call.respond(ok)
            call.respond([('grpc-status', step[8:])], end=True)
        elif step.startswith('rst'):
            with call.connection.lock:
                call.connection.h2.reset_stream(call.number, int(step[4:]))
                call.connection.flush()

    server = mesh_h2.Server(answer)
    port = free_port()
    m = Mesh(http='server { %s location / { mesh_pass egress; %s } }' % (
        listen_http2('127.0.0.1:%d' % port), FLAGS))
    c = mesh_h2.Client(port)

    # steps, policy: attempts, grpc-status
    for steps, retry, attempts, status in (
            (['grpc 14', 'ok'], None, 2, '0'),
            (['grpc 14'], None, 3, '14'),
            (['grpc 13'], None, 1, '13'),
            (['trailer 14'], None, 1, '14'),
            (['rst 7', 'ok'], None, 2, '0'),
            (['rst 7', 'ok'], policy('stream-error'), 2, '0'),
            (['rst 2'], policy('stream-error'), 1, '14'),
            (['rst 2', 'ok'], None, 2, '0'),
            (['rst 7'], policy('unavailable'), 1, '14'),
            (['grpc 1', 'grpc 4', 'ok'],
             policy('cancelled', 'deadline-exceeded'), 3, '0'),
            (['grpc 8', 'grpc 13', 'ok'],
             policy('internal', 'resource-exhausted'), 3, '0')):
        script[:] = steps
        seen.clear()
        m.use([server.port], retry=retry, protocol='grpc')
        s = unary(c)
        got = s.header('grpc-status') or s.trailer('grpc-status')
        tap.same((len(seen), got), (attempts, status),
                 'gRPC %s: %s' % (', '.join(steps), name_of(retry)))
        if (len(seen), got) != (attempts, status):
            tap.say(m.n.errors(12))
        if status == '0' and s.data != mesh_h2.message(b'hello'):
            tap.ok(False, 'the message was sent again', s.data)

    # a stream is not held back, and has no perRequest before its end
    script[:] = ['echo']
    echoed = []

    def echo(call):
        call.respond(ok)
        call.receive(lambda: call.data)
        echoed.append(call.data)
        call.send(b'back')
        call.receive()
        call.respond([('grpc-status', '0')], end=True)

    server.answer = echo
    m.use([server.port], protocol='grpc', timeout={'perRequest': 1000})
    n = c.open('/s/Stream', [('content-type', 'application/grpc'),
                             ('te', 'trailers')])
    c.until(n, lambda s: s.headers)
    tap.ok(True, 'a stream gets its headers before it has sent a message')
    c.send(n, b'first')
    c.until(n, lambda s: s.data)
    time.sleep(1.5)
    c.send(n, b'last', end=True)
    tap.same(c.until(n).trailer('grpc-status'), '0',
             'and lives longer than perRequest')
    m.end()


tap.run(table, faults, streamed, connecting, recovering, backoff, timeouts, body, uploads,
        websocket, defaults, ingress, grpc)
