#!/usr/bin/env python3
#
# What a gRPC client sees of HTTP/2 servers that misbehave, and how often these
# were asked: each fault under each policy.  And that calls are retried however
# their message came, while streams are never held back for that.

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_h2
from mesh_fault import Mesh, policy, spent
from mesh_fault2 import Fault2
from mesh_test import SLOW, free_port, listen_http2, tap, wait

if not mesh_h2.AVAILABLE:
    tap.skip_all('needs python3-h2')

OK = 'read+header+data+trailer:0'
GRPC = [('content-type', 'application/grpc'), ('te', 'trailers')]
HELLO = mesh_h2.message(b'hello')


def mesh(mode='appmesh', **kw):
    """A sidecar for gRPC, and the port of its egress."""
    port = free_port()
    m = Mesh(mesh='retry_defaults %s;' % mode, http='''
server {
    %s
    location / {
        mesh_pass egress;
        add_header X-Flags $mesh_response_flags always;
    }
}''' % listen_http2('127.0.0.1:%d' % port), **kw)
    return m, port


class Caller:
    """Calls over one connection."""

    opened = []

    def __init__(self, port):
        self.port = port
        self.c = None
        self.opened.append(self)

    def client(self):
        if self.c is None:
            self.c = mesh_h2.Client(self.port)
        return self.c

    @classmethod
    def close(cls):
        for caller in cls.opened:
            if caller.c:
                caller.c.close()
        cls.opened.clear()

    def open(self):
        return self.client().open('/s/M', GRPC)

    def call(self, data=HELLO, pause=None, parts=1):
        """In one write; or the message in parts, a pause before each."""
        c = self.client()
        if pause is None:
            n = c.h2.get_next_available_stream_id()
            c.h2.send_headers(n, [(':method', 'POST'), (':scheme', 'http'),
                                  (':authority', 'app.local'),
                                  (':path', '/s/M')] + GRPC)
            c.streams[n] = mesh_h2.Stream()
            for i in range(0, len(data), 16384):
                c.h2.send_data(n, data[i:i + 16384], i + 16384 >= len(data))
            c.flush()
        else:
            n = self.open()
            size = len(data) // parts + 1
            for i in range(parts):
                time.sleep(pause)
                c.send(n, data[i * size:(i + 1) * size], i == parts - 1)
        return c.until(n)


def end(m):
    """nginx waits for clients of HTTP/2 to go."""
    Caller.close()
    m.end()


def status(s):
    return s.header('grpc-status') or s.trailer('grpc-status')


# how often a call is made under: appmesh, safe and off, stream-error,
# server-error, unavailable

POLICIES = (None, None, None, policy('stream-error'), policy('server-error'),
            policy('unavailable'))

ATTEMPTS = {
    'answer':       (1, 1, 1, 1, 1, 1),
    'unavailable':  (3, 1, 1, 1, 1, 3),
    # may have been processed
    'reset':        (3, 1, 1, 1, 3, 1),
    # was certainly not
    'refused':      (3, 3, 1, 3, 3, 1),
}

# script, kind, grpc-status, flags, data; None is an answer that is cut

TABLE = [
    (OK, 'answer', '0', '-', HELLO),
    ('read+grpc:0', 'answer', '0', '-', b''),
    ('read+grpc:13', 'answer', '13', '-', b''),
    ('read+header+data+trailer:14', 'answer', '14', '-', HELLO),
    ('read+ping+header+ping+data+ping+trailer:0', 'answer', '0', '-', HELLO),

    # GOAWAY while a call is running, which it does not concern
    ('read+goaway:0:this+header+data+trailer:0+close', 'answer', '0', '-',
     HELLO),
    ('read+goaway:0:max+sleep:20+header+data+goaway:0:this+trailer:0+close',
     'answer', '0', '-', HELLO),
    ('read+header+goaway:0:this+data+trailer:0', 'answer', '0', '-', HELLO),
    ('read+goaway:2:this+header+data+trailer:0', 'answer', '0', '-', HELLO),

    # complete, and no need for more of the request
    ('read+header+data+trailer:0+rst:0', 'answer', '0', '-', HELLO),
    ('read+cork+header+data+trailer:0+rst:0+push', 'answer', '0', '-', HELLO),

    # after the header nothing is retried
    ('read+header+part+rst:0', 'answer', None, '-', None),
    ('read+header+part+rst:2', 'answer', None, '-', None),
    ('read+header+part+rst:7', 'answer', None, '-', None),
    ('read+header+part+rst:8', 'answer', None, '-', None),
    ('read+header+sleep:20+rst:7', 'answer', None, '-', None),
    ('read+header+part+goaway:0:before', 'answer', None, '-', None),
    ('read+header+part+close', 'answer', None, '-', None),
    ('read+header+part+reset', 'answer', None, '-', None),
    ('read+header+data+close', 'answer', None, '-', None),

    ('read+grpc:14', 'unavailable', '14', '-', b''),

    ('read+rst:0', 'reset', '14', 'UC', b''),
    ('read+rst:1', 'reset', '14', 'UC', b''),
    ('read+rst:2', 'reset', '14', 'UC', b''),
    ('read+rst:8', 'reset', '14', 'UC', b''),
    ('read+rst:11', 'reset', '14', 'UC', b''),
    ('rst:2', 'reset', '14', 'UC', b''),
    ('read+close', 'reset', '14', 'UC', b''),
    ('read+reset', 'reset', '14', 'UC', b''),
    ('close', 'reset', '14', 'UC', b''),
    ('read+garbage', 'reset', '14', 'UC', b''),
    ('read+goaway:0:this+close', 'reset', '14', 'UC', b''),
    ('read+goaway:2:this+close', 'reset', '14', 'UC', b''),
    ('read+goaway:0:this+rst:2', 'reset', '14', 'UC', b''),
    ('read+part', 'reset', '14', 'UC', b''),

    ('read+rst:7', 'refused', '14', 'UC', b''),
    ('rst:7', 'refused', '14', 'UC', b''),
    ('read+goaway:0:this+rst:7', 'refused', '14', 'UC', b''),
    ('read+goaway:0:before', 'refused', '14', 'UC', b''),
    ('goaway:0:before+close', 'refused', '14', 'UC', b''),
    ('read+goaway:2:before+close', 'refused', '14', 'UC', b''),
    ('read+goaway:11:before+close', 'refused', '14', 'UC', b''),
    ('read+cork+goaway:0:max+goaway:0:before+push', 'refused', '14', 'UC',
     b''),
]


def table():
    f = Fault2(OK)
    meshes = []
    for mode, retry in zip(('appmesh', 'safe', 'off') + ('off',) * 3,
                           POLICIES):
        m, port = mesh(mode)
        m.use(f.ports, retry=retry, protocol='grpc')
        meshes.append((m, Caller(port)))

    for script, kind, want, flags, data in TABLE:
        got, took = [], []
        for m, caller in meshes:
            f.reset(script)
            t = time.monotonic()
            s = caller.call()
            took.append(time.monotonic() - t)
            got.append(len(f.attempts))
            seen = (status(s), s.header('x-flags'),
                    None if data is None else s.data)
            expected = (want, spent(flags, ATTEMPTS[kind][len(got) - 1]), data)
            if seen != expected:
                tap.ok(False, script, seen, expected, m.n.errors(3))
            if [a for a in f.attempts if a.ended and a.body != HELLO]:
                tap.ok(False, script + ': with its message', f.attempts)
        tap.same(tuple(got), ATTEMPTS[kind], '%s: %s' % (kind, script))
        took.sort()
        if took[2] > 0.5 * SLOW or took[-1] > 5 * SLOW:
            tap.ok(False, 'at once: ' + script, took)
    tap.same(f.strange, [], 'nothing but HTTP/2 was sent')
    for m, _ in meshes:
        end(m)


def interim():
    """An answer that comes before the answer."""
    f = Fault2('read+interim:103+header+data+trailer:0')
    m, port = mesh()
    m.use(f.ports, protocol='grpc')
    s = Caller(port).call()
    from mesh_test import version
    want = ('0', 1) if version() >= (1, 29, 0) else ('14', 3)
    tap.same((status(s), len(f.attempts)), want,
             'a 103 over HTTP/2 is an error to nginx before 1.29')
    end(m)


def goaway():
    """A connection that was said goodbye to is not used again."""
    f = Fault2(OK, n=1)
    m, port = mesh('off')
    m.use(f.ports, protocol='grpc')
    caller = Caller(port)
    for script in ('read+goaway:0:this+header+data+trailer:0',
                   'read+header+data+goaway:0:this+trailer:0',
                   'read+cork+header+data+trailer:0+goaway:0:this+push',
                   'read+header+data+trailer:0+sleep:20+goaway:0:this'):
        f.reset(script, OK)
        got = [status(caller.call())]
        # the last one comes to an idle connection
        wait(lambda: f.attempts[0].done)
        got.append(status(caller.call()))
        tap.same((got, len({a.connection for a in f.attempts})),
                 (['0', '0'], 2), script)
    f.reset(OK)
    got = [status(caller.call()) for _ in range(3)]
    tap.same((got, len({a.connection for a in f.attempts})), (['0'] * 3, 1),
             'others are')
    end(m)


def times():
    f = Fault2(OK)
    m, port = mesh()
    caller = Caller(port)
    for script, retry, timeout, attempts, want, sec in (
            ('read+mute', policy('server-error', per_try=200),
             {'perRequest': 3000}, 3, '14', 0.6),
            ('read+mute', None, {'perRequest': 300}, 1, '14', 0.3),
            ('read+sleep:100+mute', policy('stream-error', per_try=200),
             {'perRequest': 3000}, 1, '14', 0.2),
            ('read+header+trickle:20', None, {'perRequest': 1500}, 1, None,
             1.5),
            ('read+header+mute', None, {'idle': 1500, 'perRequest': 0}, 1,
             None, 1.5)):
        f.reset(script)
        m.use(f.ports, retry=retry, timeout=timeout, protocol='grpc')
        t = time.monotonic()
        s = caller.call()
        t = time.monotonic() - t
        tap.same((len(f.attempts), status(s)), (attempts, want),
                 '%s, %s' % (script, timeout))
        tap.ok(sec - 0.03 < t < sec + 2 * SLOW, 'in %.1f s' % sec, t)
    end(m)


def late():
    """The message comes after the header."""
    f = Fault2(OK)
    m, port = mesh()
    m.use(f.ports, protocol='grpc')
    caller = Caller(port)

    for steps, attempts, want in (
            (('read+rst:2', OK), 2, '0'),
            (('read+grpc:14', OK), 2, '0'),
            (('read+close', 'read+goaway:0:before+close', OK), 3, '0'),
            (('read+rst:7', 'read+rst:7', 'read+rst:7'), 3, '14'),
            # before the message is there
            (('rst:7', OK), 2, '0'),
            (('rst:7', 'rst:7', OK), 3, '0'),
            (('goaway:0:before+close', 'read+rst:2', OK), 3, '0'),
            (('close', 'grpc:14', OK), 3, '0')):
        for pause in (0.003, 0.05):
            f.reset(*steps)
            s = caller.call(pause=pause)
            tap.same((len(f.attempts), status(s)), (attempts, want),
                     '%s, the message %d ms late'
                     % (', '.join(steps), pause * 1000))
            if want == '0' and s.data != HELLO:
                tap.ok(False, 'is sent again', s.data)

    for size, parts, attempts in ((0, 1, 2), (1, 1, 2), (60000, 7, 2),
                                  (65531, 2, 2), (65532, 2, 1),
                                  (300000, 30, 1)):
        data = mesh_h2.message(os.urandom(size)) if size else b''
        f.reset('read+rst:2', OK)
        s = caller.call(data, 0.002, parts)
        tap.same((len(f.attempts), status(s)),
                 (attempts, '0' if attempts == 2 else '14'),
                 '%d bytes in %d parts' % (size, parts))
        if attempts == 2 and s.data != (data or b'hi'):
            tap.ok(False, 'are sent again', len(s.data))
    tap.same(f.strange, [], 'nothing but HTTP/2 was sent')

    # one that the client gives up between two attempts
    f.reset('rst:7')
    m.use(f.ports, retry=policy('stream-error', retries=10), protocol='grpc')
    for _ in range(10):
        n = caller.open()
        time.sleep(0.02)
        caller.c.h2.reset_stream(n, 8)
        caller.c.flush()
    end(m)


def left():
    """What an attempt did not get rid of is not for the next server."""
    tight = Fault2('sleep:30+cork+ping+rst:7+push', n=1, window=3)
    good = Fault2(OK, n=1)
    m, port = mesh()
    m.use(tight.ports + good.ports, protocol='grpc')
    caller = Caller(port)
    for pause in (None, 0.01):
        tight.reset()
        good.reset()
        data = mesh_h2.message(b'x' * 30000)
        got = [caller.call(data, pause, 3) for _ in range(8)]
        tap.same([(status(s), s.data == data) for s in got],
                 [('0', True)] * 8, 'a server that takes three bytes, %s'
                 % ('at once' if pause is None else 'in parts'))
        tap.ok(len(tight.attempts) >= 2, 'was asked', len(tight.attempts))
    tap.same(good.strange + tight.strange, [],
             'the other one got no frames of its')
    end(m)


def streams():
    """Nothing of a stream waits, and what was sent is sent again."""
    f = Fault2(OK)
    m, port = mesh()
    m.use(f.ports, protocol='grpc')
    caller = Caller(port)

    # each message is there before the next one is sent
    f.reset('header+mute')
    n = caller.open()
    tap.ok(caller.client().until(n, lambda s: s.headers).headers,
           'an answer comes before the first message')
    sent = b''
    for i in range(10):
        caller.c.send(n, mesh_h2.message(b'%d' % i))
        sent += mesh_h2.message(b'%d' % i)
        if not wait(lambda: f.attempts[0].body == sent):
            break
        time.sleep(0.01)
    tap.same(f.attempts[0].body, sent, 'a stream in both directions')
    caller.c.h2.reset_stream(n, 8)
    caller.c.flush()
    tap.ok(wait(lambda: f.attempts[0].reset is not None),
           'which ends when its client resets it')

    f.reset('read+grpc:0')
    n = caller.open()
    tap.ok(wait(lambda: f.attempts), 'a stream of requests begins')
    sent = b''
    for i in range(10):
        part = mesh_h2.message(b'%d' % i * 3000)
        caller.c.send(n, part)
        sent += part
        if not wait(lambda: f.attempts[0].body == sent):
            break
        time.sleep(0.02)
    tap.same(f.attempts[0].body, sent, 'and goes on, message by message')
    caller.c.send(n, b'', end=True)
    tap.same(status(caller.c.until(n)), '0', 'to its end')

    # refused after three messages
    part = mesh_h2.message(b'7' * 100)
    f.reset('got:%d+rst:7' % (3 * len(part)), OK)
    n = caller.open()
    sent = b''
    for i in range(20):
        if i == 3:
            wait(lambda: f.attempts and f.attempts[0].done)
        sent += part
        caller.c.send(n, part, end=i == 19)
        time.sleep(0.01)
    s = caller.c.until(n)
    tap.same((len(f.attempts), status(s), s.data), (2, '0', sent),
             'one that is refused begins again at another server')
    tap.ok(3 * len(part) <= len(f.attempts[0].body) < len(sent),
           'which it was when it had begun', len(f.attempts[0].body))

    # too much for that
    part = mesh_h2.message(b'x' * 10000)
    f.reset('got:%d+rst:7' % (20 * len(part)), OK)
    n = caller.open()
    for i in range(20):
        caller.c.send(n, part)
    s = caller.c.until(n)
    tap.same((len(f.attempts), status(s)), (1, '14'),
             'not if it sent more than is kept')

    # many, which come and go
    f.reset(*['sleep:20+rst:7', 'read+rst:2', OK] * 100)
    ids = [caller.open() for _ in range(60)]
    for n in ids:
        caller.c.send(n, HELLO, end=True)
    got = [status(caller.c.until(n)) for n in ids]
    tap.ok(set(got) <= {'0', '14'} and got.count('0') > 30,
           'many at a time', got)
    tap.same(f.strange, [], 'nothing but HTTP/2 was sent')
    end(m)


tap.run(table, interim, goaway, times, late, left, streams)
