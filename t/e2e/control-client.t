#!/usr/bin/python3
"""The proxy's client of a control plane, against one that misbehaves in every
way there is: what is in force stays in force, the reason is told once, and all
is well again when the control plane is.
"""

import hashlib
import hmac
import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_control import CONTROL_MODULE, ControlPlane
from mesh_fake_control import Authority, FakeControl, settled
from mesh_test import (SLOW, Backend, Sidecar, alive, at_end, descriptors,
                       directory, node, reply, tap, wait)
from mesh_test import document as mesh_document

RESOURCE = 'virtualNode/me'


def document(version, nodes):
    """Of the mesh, with this proxy's own node."""
    doc = mesh_document(version, nodes)
    me = node('me')
    me['spec']['backends'] = [{'virtualService': {
        'virtualServiceName': 'app.local'}}]
    doc['virtualNodes'].append(me)
    return doc


def sidecar(fake, interval='300ms', wait_time='5s', scheme='http', mesh='',
            state=True, **kw):
    side = Sidecar(control_plane='%s interval=%s wait=%s'
                   % (fake.url(scheme), interval, wait_time),
                   resource=RESOURCE, **kw)
    if state:
        mesh += ' state %s;' % side.path('state')
    side.mesh = mesh
    return side


def backends():
    return Backend('a'), Backend('b')


def error(side):
    return side.info()['config'].get('source_error', '')


def fails(side, what, timeout=10):
    """Until the source fails for that reason."""
    return wait(lambda: what in error(side), timeout)


def well(side, timeout=10):
    return wait(lambda: not error(side), timeout)


def gaps(fake, first, n):
    """Seconds between the n requests from this one on, sorted."""
    fake.upto(first + n, 30)
    times = fake.times[first:first + n]
    return sorted(y - x for x, y in zip(times, times[1:]))


def follows():
    """Long poll, from one document to the next, and what is told of it."""
    a, b = backends()
    fake = FakeControl(store='s1')
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake, workers=2).start()

    tap.ok(side.at('1'), 'the document is in force')
    config = side.info()['config']
    tap.same(config['source'], 'control-plane', 'its source is shown')
    tap.same((config['store'], config['revision']), ('s1', 1),
             'with the revision')
    tap.ok(config['agent'] in side.worker_pids(), 'and who fetches')
    tap.ok('last_contact' in config, 'and when there was contact')
    tap.same(side.get().text, 'a', 'requests go where it says')
    tap.same(side.page('/ready').status, 200, 'the proxy is ready')

    r = fake.upto(2)
    tap.same(r.path, '/mesh/v1/meshes/m/virtualNodes/me/document',
             'the path names mesh and node')
    tap.same(r.header('If-None-Match'), '"1"', 'the ETag is told')
    tap.same(r.header('Prefer'), 'wait=5', 'and how long to wait')
    tap.same(r.header('Mesh-Applied'), '1', 'and what is in force')
    tap.same(r.header('Host'), '127.0.0.1:%d' % fake.port, 'the host is right')
    tap.ok(r.header('User-Agent').startswith('nginx-mesh/'), 'a user agent')
    first = fake.requests[0]
    tap.same((first.header('Prefer'), first.header('Mesh-Applied')),
             (None, None), 'the first request tells of nothing')
    ident = r.header('Mesh-Proxy-Id')
    tap.ok(ident and ident == first.header('Mesh-Proxy-Id'),
           'each request tells who asks')

    took = []
    for n in range(2, 12):
        waiting = fake.count()
        start = time.monotonic()
        fake.put(document(n, {'b' if n % 2 else 'a': [(b if n % 2 else a)
                                                      .port]}))
        tap.ok(wait(lambda: side.version() == str(n), 10, 0.002),
               'version %d is in force' % n)
        took.append(time.monotonic() - start)
        fake.upto(waiting + 1)
    tap.say('in force after %.1f ms, at most %.1f ms'
            % (1000 * sorted(took)[len(took) // 2], 1000 * max(took)))
    tap.same(side.get().text, 'b', 'requests follow')
    tap.ok(fake.told('Mesh-Applied', '11'), 'the control plane is told')
    tap.same(fake.connections, 1, 'one connection was enough')

    side.reload()
    fake.more(1)
    tap.same(fake.requests[-1].header('Mesh-Proxy-Id'), ident,
             'the name stays over a reload')
    side.stop()
    side.start()
    fake.more(1)
    tap.same(fake.requests[-1].header('Mesh-Proxy-Id'), ident,
             'and over a restart')
    tap.ok(side.stop(), 'it ends well')
    tap.same(side.bad(), [], 'nothing was logged that should not be')


def held():
    """304 at the end of the wait, and nothing in between."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake, interval='100ms', wait_time='1s').start()
    side.at('1')
    between = gaps(fake, 1, 5)
    tap.ok(0.95 <= between[0] and between[1] < 2 * SLOW,
           'one request a second', between)
    tap.same(error(side), '', 'that is no error')
    tap.ok(side.stop(), 'it ends well')


def polled():
    """A web server that knows nothing of waiting, or of ETags."""
    a, b = backends()
    for name, kw in (('which does not wait', {'waits': False}),
                     ('without ETag', {'etags': False})):
        fake = FakeControl(**kw)
        fake.put(document(1, {'a': [a.port]}))
        side = sidecar(fake, interval='200ms').start()
        tap.ok(side.at('1'), 'a server %s works' % name)
        between = gaps(fake, fake.count() - 1, 10)
        tap.ok(0.15 < between[4] < 0.5 * SLOW, 'it is polled at the interval',
               between)
        fake.put(document(2, {'b': [b.port]}))
        tap.ok(side.at('2'), 'and its documents are taken')
        tap.same(side.info()['config']['sequence'], 2, 'each once')
        side.stop()


def hurry():
    """A server with another document in each answer is asked gently."""
    a, b = backends()
    fake = FakeControl(etags=False)
    n = [0]

    def new(c, r):
        n[0] += 1
        c.send(reply(json.dumps(document(n[0], {'a': [a.port]}))))

    fake.always = new
    side = sidecar(fake).start()
    wait(lambda: n[0] > 25)
    start = fake.count()
    time.sleep(3)
    # five a second; a machine that stalls begins with another twenty
    tap.ok(fake.count() - start < 60, 'no tight loop', fake.count() - start)
    side.stop()


def failing():
    """Every way in which an answer can be wrong."""
    a, b = backends()
    fake = FakeControl(store='s1')
    fake.put(document(1, {'a': [a.port]}))
    # no longer than a machine that is busy takes for an answer that is good
    side = sidecar(fake, mesh='control_plane_timeout 3s total=5s;'
                   ' max_document_size 1m;').start()
    side.at('1')
    fake.upto(2)
    whole = fake.compose()
    sent = [0]

    def large(c, r):
        c.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        part = b'10000\r\n' + b' ' * 65536 + b'\r\n'
        for _ in range(1600):           # 100 MB
            try:
                c.send(part)
            except OSError:
                return False
            sent[0] += len(part)
        return False

    def answer(data, close=True):
        def script(c, r):
            c.send(data)
            return not close
        return script

    def drip(c, r):
        c.drip(whole, 0.05)
        return False

    def silent(c, r):
        wait(c.gone, 8)
        return False

    def reset(c, r):
        return False

    redirect = b'HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\n' \
               b'Content-Length: 0\r\n\r\n'
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
    ok = b'HTTP/1.1 200 OK\r\n'

    ways = (
        ('status 500', answer(reply('{"message":"oops"}', '500 Oops')),
         'status 500: {"message":"oops"}'),
        ('status 404', answer(reply('', '404 Not Found')), 'status 404'),
        ('status 403', answer(reply('', '403 Forbidden')), 'status 403'),
        ('status 204', answer(ok.replace(b'200', b'204') + b'\r\n'),
         'status 204'),
        ('a redirect', answer(redirect), 'redirect, which is not followed: '
         '"http://evil.test/"'),
        ('no answer', reset, 'without an answer'),
        ('silence', silent, 'timed out'),
        ('a slow drip', drip, 'the whole exchange timed out'),
        ('a truncated body', answer(whole[:-10]), 'truncated'),
        ('a truncated header', answer(whole[:30]), 'truncated'),
        ('a truncated chunk', answer(chunked + b'100\r\nabc'), 'truncated'),
        ('100 MB', large, 'more than 1048576 bytes'),
        ('100 MB announced', answer(ok + b'Content-Length: 104857600\r\n\r\n'),
         'more than 1048576 bytes'),
        ('no HTTP', answer(b'SSH-2.0-OpenSSH_9.2\r\n'), 'no HTTP/1.x status'),
        ('HTTP/2', answer(b'HTTP/2 200 OK\r\n\r\n'), 'no HTTP/1.x status'),
        ('two lengths', answer(ok + b'Content-Length: 1\r\n'
                               b'Content-Length: 2\r\n\r\n'),
         'invalid Content-Length'),
        ('a length and chunks', answer(chunked[:-2] + b'Content-Length: 5\r\n'
                                       b'\r\n0\r\n\r\n'), 'ambiguous'),
        ('an invalid chunk', answer(chunked + b'xyz\r\n'), 'invalid chunk'),
        ('a folded header', answer(ok + b'A: b\r\n c\r\n\r\n'),
         'invalid header'),
        ('too many headers', answer(ok + b'A: b\r\n' * 10000 + b'\r\n'),
         'too large headers'),
        ('gzip', answer(ok + b'Content-Encoding: gzip\r\n'
                        b'Content-Length: 1\r\n\r\nx'), 'coding'),
        ('nothing', answer(reply('')), 'empty'),
    )

    for name, script, want in ways:
        before = len(side.lines('keeping what configuration'))
        fake.always = script
        fake.close_connections()
        tap.ok(fails(side, want, 20), '%s is an error' % name, error(side))
        tap.same(side.get().text, 'a', 'what was in force still is')
        fake.always = None
        tap.ok(well(side), 'it is well again', error(side))
        lines = side.lines('keeping what configuration')[before:]
        tap.ok(1 <= len(lines) <= 4, 'the log has it once', *lines)

    tap.ok(sent[0] < 20000000, 'no more was read than need be', sent[0])
    tap.same(side.page('/ready').status, 200, 'the proxy was ready all along')
    tap.same(len(side.lines('answers again')), len(ways),
             'each return to health was logged')
    fake.put(document(2, {'b': [b.port]}))
    tap.ok(side.at('2'), 'and goes on to the next document')
    tap.ok(side.stop(), 'it ends well')
    tap.same(side.bad(), [], 'nothing was logged that should not be')


def framing():
    """Every way in which a good answer may come."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake).start()
    side.at('1')
    n = [1]

    def send(make):
        n[0] += 1
        name = 'b' if n[0] % 2 else 'a'
        body = json.dumps(document(n[0], {name: [(b if n[0] % 2 else a).port]})
                          ).encode()
        with fake.changed:              # what is asked for after that
            fake.body, fake.etag = body, '"%d"' % n[0]
        fake.script(lambda c, r: make(c, body))
        tap.ok(side.at(str(n[0])), 'version %d is in force' % n[0],
               error(side))

    def chunks(size, trailer=b''):
        def make(c, body):
            c.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
            for i in range(0, len(body), size):
                part = body[i:i + size]
                c.send(b'%x;name=value\r\n%s\r\n' % (len(part), part))
            c.send(b'0\r\n' + trailer + b'\r\n')
        return make

    def close(c, body):
        c.send(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n' + body)
        return False

    def old(c, body):
        c.send(b'HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body)
               + body)
        return False

    def early(c, body):
        c.send(b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n'
               b'Link: </x>\r\n\r\n' + reply(body))

    def bytewise(c, body):
        head, text = reply(body).split(b'\r\n\r\n', 1)
        c.drip(head + b'\r\n\r\n', 0.001)
        c.drip(text, 0.001, 64)

    def bare(c, body):
        c.send(b'HTTP/1.1 200\nContent-Length:%d\n\n' % len(body) + body)

    for name, make in (('chunks', chunks(64)), ('one chunk', chunks(1 << 20)),
                       ('a trailer', chunks(100, b'X-Y: z\r\n')),
                       ('to the close', close), ('HTTP/1.0', old),
                       ('1xx first', early), ('byte by byte', bytewise),
                       ('bare LF, no reason', bare)):
        tap.say(name)
        send(make)

    tap.same(side.lines('keeping what'), [], 'none of them is an error')
    side.stop()


def refused():
    """A document that is no good is told of, and not looked at again."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake).start()
    side.at('1')

    bad = document(2, {'b': [b.port]})
    bad['routes'][0]['spec']['httpRoute']['match'] = {'prefix': 'x'}
    fake.put(bad)
    r = wait(lambda: next((r for r in fake.requests
                           if r.header('Mesh-Rejected')), None))
    tap.ok(r and r.header('Mesh-Rejected').startswith('2; routes[0].spec'),
           'the rejection is told', r and r.header('Mesh-Rejected'))
    tap.same(r.header('If-None-Match'), '"2"', 'it is what is known now')
    tap.same(r.header('Mesh-Applied'), '1', 'while the other is in force')
    rejected = side.info()['config']['rejected']
    tap.same((rejected['version'], rejected['count']), ('2', 1),
             'the status has it')
    tap.same(error(side), '', 'the control plane is well')
    count = fake.count()
    time.sleep(1)
    tap.ok(fake.count() - count <= 1, 'it does not spin')

    fake.close_connections()
    fake.more(1)
    tap.same(side.info()['config']['rejected']['count'], 1,
             'it is validated once')

    fake.put(document(3, {'b': [b.port]}))
    tap.ok(side.at('3'), 'the next one is taken')
    r = fake.told('Mesh-Applied', '3')
    tap.same(r.header('Mesh-Rejected'), None, 'nothing is rejected now')

    for name, text in (('garbage', b'<html>captive portal</html>'),
                       ('another mesh', json.dumps(dict(document(
                           4, {'a': [a.port]}), mesh={
                               'meshName': 'other', 'spec': {}})).encode()),
                       ('binary', b'\x00\xff' * 100)):
        before = side.info()['config']['rejected']['count']
        fake.put(text, etag='"%s"' % name)
        tap.ok(wait(lambda: side.info()['config']['rejected']['count']
                    == before + 1), '%s is refused' % name)
        r = wait(lambda: next((r for r in fake.requests if r.header(
            'If-None-Match') == '"%s"' % name), None))
        tap.ok(r and r.header('Mesh-Rejected'), 'and told of',
               r and r.header('Mesh-Rejected'))
        tap.same(side.version(), '3', 'what was in force still is')

    side.stop()
    tap.same(side.bad(), [], 'nothing was logged that should not be')


def saved(side, version):
    with open(side.path('state/m.virtualNode.me.json')) as f:
        return ' version=%s ' % version in f.readline()


def older():
    """A copy of the store that lags behind is not believed."""
    a, b = backends()
    fake = FakeControl(store='s1')
    fake.put(document(1, {'a': [a.port]}), revision=7)
    side = sidecar(fake).start()
    side.at('1')

    fake.put(document(2, {'b': [b.port]}), revision=5)
    tap.ok(fails(side, 'revision 5 is older than what is in force, 7'),
           'an older revision is an error', error(side))
    tap.same(side.get().text, 'a', 'it is not applied')
    between = gaps(fake, settled(fake.count, 0.6) - 1, 6)
    tap.ok(between[2] > 0.1, 'it does not spin', between)

    fake.put(document(3, {'b': [b.port]}), revision=8)
    tap.ok(side.at('3'), 'a newer one is')
    tap.ok(well(side), 'and all is well')
    wait(lambda: saved(side, '3'))

    side.stop()
    fake.put(document(4, {'a': [a.port]}), revision=6)
    side.start()
    tap.ok(fails(side, 'revision 6 is older'),
           'the revision is kept over a restart')
    tap.same(side.version(), '3', 'with its document')

    fake.store = 's2'
    fake.put(document(5, {'a': [a.port]}), revision=1)
    tap.ok(side.at('5'), 'another store is taken')
    tap.same(len(side.lines('another store, "s2" instead of "s1"')), 1,
             'and told of once')
    side.stop()


def down():
    """No control plane: at the start, and later."""
    a, b = backends()
    fake = FakeControl(start=False)
    fake.start()
    fake.stop()
    side = sidecar(fake, interval='1s', workers=2).start()
    tap.ok(fails(side, 'Connection refused'), 'it says so', error(side))
    tap.same(side.page('/ready').status, 503, 'the proxy is not ready')
    tap.ok('failing_since' in side.info()['config'], 'since when is shown')

    fake.put(document(1, {'a': [a.port]}))
    fake.start()
    tap.ok(side.at('1'), 'it is asked as soon as it is there')
    tap.ok(well(side), 'and is well')
    tap.same(len(side.lines('Connection refused')), 1, 'it was logged once')
    tap.ok(wait(lambda: os.path.exists(
        side.path('state/m.virtualNode.me.json'))), 'the document is on disk')

    fake.stop()
    tap.ok(wait(lambda: error(side)), 'it goes down')
    tap.same(side.get().text, 'a', 'requests are served')
    tap.same(side.page('/ready').status, 200, 'the proxy is ready')

    side.stop()
    start = time.monotonic()
    side.start()
    tap.ok(wait(lambda: side.page('/ready').status == 200),
           'a start without it is a start')
    tap.ok(time.monotonic() - start < 5 * SLOW, 'at once')
    tap.same(side.info()['config']['source'], 'last-known-good',
             'with the last known good document')
    tap.same(side.get().text, 'a', 'requests are served')

    fake.start()
    tap.ok(wait(lambda: side.info()['config']['source'] == 'control-plane'),
           'the control plane confirms it')
    tap.same(fake.requests[-1].header('If-None-Match'), '"1"',
             'which is asked for by its ETag')
    fake.put(document(2, {'b': [b.port]}))
    tap.ok(side.at('2'), 'and goes on')
    tap.ok(side.stop(), 'it ends well')

    side.start()
    tap.ok(wait(lambda: side.info()['config']['source'] == 'control-plane'),
           'a start from the disk does not wait for a change to be confirmed')
    tap.ok(side.stop(), 'it ends well')
    tap.same(side.bad(), [], 'nothing was logged that should not be')


def backoff():
    """Failures are fewer and fewer, up to the interval."""
    a, b = backends()
    fake = FakeControl()
    fake.always = lambda c, r: c.send(reply('', '503 No'))
    side = sidecar(fake, interval='800ms').start()
    between = gaps(fake, 4, 12)
    # each as long as half an interval at least; a machine that is busy may
    # note a request late, and the next one is nearer to it then
    tap.ok(between[2] > 0.3, 'later attempts are further apart', between)
    tap.ok(between[7] < 1.0 * SLOW, 'never more than an interval', between)
    side.stop()

    soon = []
    for _ in range(3):
        first = fake.count()
        side.start()
        soon += gaps(fake, first, 2)
        side.stop()
    tap.ok(min(soon) < 0.4 * SLOW, 'the second attempt comes soon', soon)


def keepalive():
    """A server may close an idle connection just when it is used."""
    a, b = backends()
    fake = FakeControl(waits=False)
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake, interval='100ms').start()
    side.at('1')

    def close_unseen(c, r):
        # the request came on a kept connection: no answer at all
        return False

    count = fake.count()
    for _ in range(3):
        fake.upto(fake.count() + 2)
        fake.script(close_unseen)
        wait(lambda: not fake.scripts)
    fake.upto(count + 12)
    tap.same(side.lines('keeping what'), [], 'it is asked again unnoticed')
    tap.ok(fake.connections >= 4, 'on another connection')
    side.stop()


def tls():
    """Chains and names are verified."""
    a, b = backends()
    path = directory()
    ca = Authority(path)
    other = Authority(directory())
    good = 'DNS:control.test,IP:127.0.0.1'
    trusted = 'control_plane_trusted_certificate %s;' % ca.ca
    named = trusted + ' control_plane_server_name control.test;'

    for name, context, mesh, want in (
            ('an address', ca.context('a', good), trusted, None),
            ('a name', ca.context('b', 'DNS:control.test'), named, None),
            ('another CA', other.context('c', good), trusted,
             'certificate is not valid'),
            ('no trust', ca.context('d', good), '',
             'certificate is not valid'),
            ('another name', ca.context('e', 'DNS:other.test'), named,
             'certificate is not for "control.test"'),
            ('another address', ca.context('f', 'IP:127.0.0.2'), trusted,
             'certificate is not for "127.0.0.1"'),
            ('an address as a name', ca.context('h', 'DNS:127.0.0.1'), trusted,
             'certificate is not for "127.0.0.1"'),
            ('an expired one', ca.context('g', good, expired=True), trusted,
             'certificate has expired')):
        fake = FakeControl(context=context)
        fake.put(document(1, {'a': [a.port]}))
        side = sidecar(fake, scheme='https', mesh=mesh).start()
        if want is None:
            tap.ok(side.at('1'), '%s is good' % name, error(side))
            fake.put(document(2, {'b': [b.port]}))
            tap.ok(side.at('2'), 'and its long poll')
            tap.same(fake.connections, 1, 'over one connection')
        else:
            tap.ok(fails(side, want), '%s is refused' % name, error(side))
            tap.same(fake.count(), 0, 'before anything was asked')
        tap.ok(side.stop(), 'it ends well')
        tap.same(side.bad(), [], 'nothing was logged that should not be')
        fake.stop()


def client_certificate():
    a, b = backends()
    ca = Authority(directory())
    context = ca.context('server', 'IP:127.0.0.1', clients=True)
    crt, key = ca.issue('proxy', 'DNS:proxy.test')
    fake = FakeControl(context=context)
    fake.put(document(1, {'a': [a.port]}))
    trusted = 'control_plane_trusted_certificate %s;' % ca.ca
    mine = ' control_plane_certificate %s;' \
           ' control_plane_certificate_key %s;' % (crt, key)

    side = sidecar(fake, scheme='https', mesh=trusted + mine).start()
    tap.ok(side.at('1'), 'a client certificate is shown', error(side))
    tap.ok(fake.requests and 'proxy' in str(fake.requests[0].certificate),
           'it is the right one')
    side.stop()

    side = sidecar(fake, scheme='https', mesh=trusted).start()
    tap.ok(fails(side, 'certificate required'), 'without one it is refused',
           error(side))
    side.stop()

    plain = FakeControl()
    side = sidecar(plain, scheme='https', mesh=trusted).start()
    tap.ok(fails(side, 'the TLS handshake failed'), 'no TLS is an error', error(side))
    side.stop()


def takeover():
    """One worker fetches, whoever dies."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake, workers=2).start()
    side.at('1')

    def agent():
        return side.info()['config']['agent']

    for n in range(2, 6):
        old = agent()
        count = fake.count()
        side.send(signal.SIGKILL, old)
        tap.ok(wait(lambda: agent() not in (0, old)),
               'the successor of a killed worker fetches')
        fake.upto(count + 1)
        fake.put(document(n, {'a': [a.port]}))
        tap.ok(side.at(str(n)), 'and goes on')
        tap.ok(wait(lambda: len(fake.open) <= 1), 'alone')

    # without a master nobody starts another one
    workers = side.worker_pids()
    old = agent()
    left = [pid for pid in workers if pid != old][0]
    at_end(lambda: os.kill(left, signal.SIGKILL))
    side.send(signal.SIGKILL)
    wait(lambda: side.process.poll() is not None)
    os.kill(old, signal.SIGKILL)
    # the kernel may wake that one for a connection as long as it is there
    wait(lambda: not alive(old))
    tap.ok(wait(lambda: agent() == left, 20), 'another worker takes over')
    fake.put(document(9, {'b': [b.port]}))
    tap.ok(side.at('9'), 'and goes on')
    tap.ok(side.logged('since worker 0 does not'), 'the log tells')


def stuck():
    """A worker that hangs loses its place, and knows it when it wakes up."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake, workers=2).start()
    side.at('1')
    old = side.info()['config']['agent']
    # what the kernel gives the stopped one to accept is not answered
    side.send(signal.SIGSTOP, old)
    at_end(lambda: alive(old) and os.kill(old, signal.SIGCONT))
    tap.ok(wait(lambda: len(fake.open) == 2, 20), 'another one fetches')
    side.send(signal.SIGCONT, old)
    tap.ok(wait(lambda: len(fake.open) == 1), 'the stuck one stops')
    tap.ok(side.logged('another worker looks after'), 'and says so')
    tap.ok(side.info()['config']['agent'] != old, 'the other one stays')
    fake.put(document(2, {'b': [b.port]}))
    tap.ok(side.at('2'), 'and goes on')
    side.stop()


def reload():
    """The old worker stops at once, the new one goes on."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake, workers=2).start()
    side.at('1')
    fake.upto(2)

    for n in range(2, 6):
        count = fake.count()
        tap.ok(side.reload(), 'a reload')
        tap.ok(fake.upto(count + 1), 'the new worker asks')
        tap.ok(wait(lambda: len(fake.open) == 1), 'and only that one')
        tap.same(fake.requests[-1].header('If-None-Match'), '"%d"' % (n - 1),
                 'it knows what is in force')
        fake.put(document(n, {'a': [a.port]}))
        tap.ok(side.at(str(n)), 'and goes on')

    tap.ok(fake.told('Mesh-Applied', '5'), 'it waits again')
    start = time.monotonic()
    tap.ok(side.stop(), 'QUIT ends the wait')
    tap.ok(time.monotonic() - start < 4 * SLOW, 'at once, not after 5 s',
           time.monotonic() - start)
    tap.same(side.bad(), [], 'nothing was logged that should not be')


def leaks():
    """Failures leave no descriptors behind."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = sidecar(fake, interval='10ms').start()
    side.at('1')
    pid = side.info()['config']['agent']
    before = descriptors(pid)
    fake.always = lambda c, r: False
    fake.close_connections()
    fake.more(100, 30)
    fake.always = None
    well(side)
    tap.ok(wait(lambda: len(descriptors(pid)) <= len(before)),
           'no descriptor is left', before, descriptors(pid))
    side.stop()
    tap.same(side.bad(), [], 'nothing was logged that should not be')


def names():
    """A host name is resolved, its addresses are tried in turn."""
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))
    side = Sidecar(control_plane='http://localhost:%d/base/ interval=300ms'
                   % fake.port, resource='arn:aws:appmesh:eu-west-1:'
                   '111122223333:mesh/m/virtualGateway/front').start()
    tap.ok(fake.upto(1), 'a name is resolved', error(side))
    tap.same(fake.requests[0].path, '/base/mesh/v1/meshes/m/virtualGateways/'
             'front/document?meshOwner=111122223333',
             'prefix, gateway and owner are in the path')
    side.stop()

    side = Sidecar(control_plane='http://no-such-host.invalid interval=300ms',
                   resource=RESOURCE).start()
    tap.ok(fails(side, '"no-such-host.invalid" is not resolved', 30),
           'a name that is not known is told', error(side))
    tap.ok(side.stop(timeout=30), 'it ends well')


class Environment:
    """Variables that nginx is started with."""

    def __init__(self, **values):
        self.values = values

    def __enter__(self):
        self.old = dict(os.environ)
        os.environ.update(self.values)

    def __exit__(self, *args):
        os.environ.clear()
        os.environ.update(self.old)


KEYS = {'AWS_ACCESS_KEY_ID': 'AKIAPROXY', 'AWS_SECRET_ACCESS_KEY': 'secret/1',
        'AWS_REGION': 'eu-west-1'}


def signature(r, secret):
    """What the Authorization of a request should end in."""
    found = re.match(r'AWS4-HMAC-SHA256 Credential=(\S+?)/(\d+)/(\S+?)/(\S+?)'
                     r'/aws4_request, ?SignedHeaders=(\S+), ?Signature=(\S+)$',
                     r.header('Authorization'))
    key, day, region, service, signed, given = found.groups()
    path, _, query = r.path.partition('?')
    text = '\n'.join([r.method, path, query] + [
        '%s:%s' % (h, r.header(h)) for h in signed.split(';')] + [
            '', signed, hashlib.sha256(b'').hexdigest()])
    scope = '/'.join((day, region, service, 'aws4_request'))
    text = '\n'.join(('AWS4-HMAC-SHA256', r.header('X-Amz-Date'), scope,
                      hashlib.sha256(text.encode()).hexdigest()))
    mac = ('AWS4' + secret).encode()
    for part in (day, region, service, 'aws4_request', text):
        mac = hmac.new(mac, part.encode(), hashlib.sha256).digest()
    return key, region, service, given, mac.hex()


def signed():
    a, b = backends()
    fake = FakeControl()
    fake.put(document(1, {'a': [a.port]}))

    with Environment(AWS_SESSION_TOKEN='token', **KEYS):
        side = sidecar(fake).start()
        tap.ok(side.at('1'), 'with credentials', error(side))
        r = fake.upto(2)
        key, region, service, given, want = signature(r, 'secret/1')
        tap.same((key, region, service), ('AKIAPROXY', 'eu-west-1', 'appmesh'),
                 'key and scope are the environment\'s')
        tap.same(given, want, 'the signature is right')
        tap.same(r.header('X-Amz-Security-Token'), 'token', 'with the token')

        fake.always = lambda c, r: c.send(reply('no', '403 Forbidden'))
        fake.close_connections()
        tap.ok(fails(side, 'status 403'), '403 is an error')
        fake.always = None
        tap.ok(well(side), 'that passes')
        side.stop()

        side = sidecar(fake, mesh='control_plane_signing region=r service=s;')
        side.start()
        r = fake.more(1)
        tap.same(signature(r, 'secret/1')[1:3], ('r', 's'),
                 'the directive names the scope')
        side.stop()

        side = sidecar(fake, mesh='control_plane_signing off;').start()
        tap.same(fake.more(1).header('Authorization'), None, 'or none')
        side.stop()

    side = sidecar(fake, mesh='control_plane_signing on;')
    with Environment(HOME='/nonexistent'):
        rc, text = side.test()
    tap.ok(rc != 0 and 'finds no credentials' in text,
           'without credentials it is an error', text)


def real():
    """The control plane of the same project."""
    if not os.path.exists(CONTROL_MODULE):
        tap.skip('the real control plane', 'its module is not built')
        return

    a, b = backends()
    keys = 'AKIAPROXY secret/1 proxy mesh/m/virtualNode/me\n' \
           'AKIAADMIN secret/2 admin\n'
    cp = ControlPlane(keys=keys, workers=1,
                      location='mesh_region eu-west-1;').start()
    with Environment(**dict(KEYS, AWS_SECRET_ACCESS_KEY='wrong')):
        side = sidecar(cp_source(cp)).start()
        tap.ok(fails(side, 'status 403'), 'a wrong key is refused',
               error(side))
        side.stop()
    with Environment(**KEYS):
        side = sidecar(cp_source(cp)).start()
        tap.ok(fails(side, 'status 404'), 'the right one is not', error(side))
        side.stop()
    cp.stop()

    cp = ControlPlane(workers=2).start()
    side = sidecar(cp_source(cp), workers=2, wait_time='30s').start()
    tap.ok(fails(side, 'status 404'), 'there is no mesh yet', error(side))

    for what, body in resources(a.port, b.port):
        r = cp.create('meshes', *what, **body)
        tap.ok(r.status == 200, 'a resource is made', r.body)

    tap.ok(wait(lambda: side.get().text == 'a', 20), 'requests are routed',
           error(side), side.info()['config'])
    tap.ok(well(side), 'and all is well')

    took = []
    for n in range(20):
        want = 'ab'[(n + 1) % 2]
        time.sleep(0.05)
        r = cp.put('/v20190125/meshes/m/virtualRouter/r/routes/all',
                   {'spec': route(want)})
        start = time.monotonic()
        tap.ok(r.status == 200, 'an update', r.body)
        wait(lambda: side.get().text == want, 10, 0.001)
        took.append(time.monotonic() - start)
    tap.say('from the answer to the first request: %.1f ms, at most %.1f ms'
            % (1000 * sorted(took)[10], 1000 * max(took)))
    tap.ok(sorted(took)[10] < 1 * SLOW and max(took) < 8 * SLOW,
           'updates are in force soon, long before a wait ends', took)
    tap.same(side.lines('rejected'), [], 'none was rejected')
    tap.ok(side.stop(), 'it ends well')
    tap.same(side.bad() + cp.bad(), [], 'nothing was logged that should not be')


def cp_source(cp):
    fake = FakeControl(port=cp.port, start=False)
    return fake


def route(name):
    return {'httpRoute': {'match': {'prefix': '/'}, 'action': {
        'weightedTargets': [{'virtualNode': name, 'weight': 1}]}}}


def resources(*ports):
    """(segments, body) of what has to be created, in order"""
    def spec(port):
        return {'listeners': [{'portMapping': {'port': port,
                                               'protocol': 'http'}}],
                'serviceDiscovery': {'dns': {'hostname': '127.0.0.1'}}}

    me = dict(spec(9), backends=[{'virtualService': {
        'virtualServiceName': 'app.local'}}])
    yield (), {'meshName': 'm'}
    for name, port in zip('ab', ports):
        yield ('m', 'virtualNodes'), {'virtualNodeName': name,
                                      'spec': spec(port)}
    yield ('m', 'virtualRouters'), {'virtualRouterName': 'r', 'spec': {
        'listeners': [{'portMapping': {'port': 8080, 'protocol': 'http'}}]}}
    yield ('m', 'virtualRouter', 'r', 'routes'), {'routeName': 'all',
                                                  'spec': route('a')}
    yield ('m', 'virtualServices'), {
        'virtualServiceName': 'app.local', 'spec': {'provider': {
            'virtualRouter': {'virtualRouterName': 'r'}}}}
    yield ('m', 'virtualNodes'), {'virtualNodeName': 'me', 'spec': me}


def checked():
    """What nginx -t refuses, with its line."""
    for mesh, want in (
            ('control_plane http://; resource virtualNode/a;',
             'no "http://"'),
            ('control_plane ftp://x; resource virtualNode/a;',
             'must be "file:" and an absolute path'),
            ('control_plane http://a:0; resource virtualNode/a;',
             'no valid port'),
            ('control_plane http://a/?b; resource virtualNode/a;',
             'a query string'),
            ('control_plane http://u@a; resource virtualNode/a;',
             'an invalid character after the host'),
            ('control_plane http://[::zz]; resource virtualNode/a;',
             'no valid IPv6 address'),
            ('control_plane http://a;', 'needs "resource"'),
            ('control_plane http://a wait=1ms; resource virtualNode/a;',
             'invalid "wait"'),
            ('control_plane file:/x wait=1s;', 'invalid parameter "wait=1s"'),
            ('control_plane http://a; resource mesh/x/virtualNode/a;',
             'is of mesh "x"'),
            ('control_plane http://a; resource arn:aws:s3:::virtualNode/a;',
             'not of App Mesh'),
            ('control_plane http://a; resource virtualNode/a;'
             ' control_plane_timeout 0;', 'invalid time'),
            ('control_plane http://a; resource virtualNode/a;'
             ' control_plane_trusted_certificate /x;', 'have no use'),
            ('control_plane https://a; resource virtualNode/a;'
             ' control_plane_trusted_certificate /nonexistent;',
             '/nonexistent'),
            ('control_plane https://a; resource virtualNode/a;'
             ' control_plane_certificate /x;', 'need each other'),
            ('control_plane file:/x; control_plane_signing on;',
             'has no use'),
            ('control_plane http://a; resource virtualNode/a;'
             ' control_plane_signing maybe;', 'invalid parameter "maybe"')):
        side = Sidecar(control_plane='none', mesh=mesh)
        rc, text = side.test()
        tap.ok(rc != 0 and want in text, mesh, text)


tap.run(follows, held, polled, hurry, failing, framing, refused, older, down,
        backoff, keepalive, tls, client_certificate, takeover, stuck, reload,
        leaks, names, signed, real, checked)
