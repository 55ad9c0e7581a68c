#!/usr/bin/python3
"""Spans to a collector of OpenTelemetry: what is in them, and that a collector
that is slow, away or hostile costs spans and nothing else.
"""

import os
import random
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

import mesh_otlp_proto

from mesh_fake_control import Authority, FakeControl
from mesh_otlp import CLIENT, Collector, decode, partial
from mesh_test import (SANITIZE, SLOW, Backend, Load, Nginx, Sidecar,
                       directory, document, free_port, node, reply, rss, tap,
                       wait)

ALL = 'trace_sampling rate=1;'


def sidecar(collector, more='interval=50ms', mesh=ALL, backend=None,
            routes=None, **kw):
    backend = backend or Backend('a')
    url = collector if isinstance(collector, str) else collector.url()
    doc = document(1, {'a': [backend.port]}, routes=routes)
    me = node('me')
    me['spec']['backends'] = [{'virtualService': {
        'virtualServiceName': 'app.local'}}]
    doc['virtualNodes'].append(me)
    return Sidecar(doc, resource='virtualNode/me',
                   mesh='otlp %s %s; %s' % (url, more, mesh), **kw).start()


def clean(side, *collectors):
    tap.same(side.bad(), [], 'nothing bad in the log')
    for c in collectors:
        tap.same(c.errors[:3], [], 'all of it was valid')


def contents():
    """What a span of a request says."""
    c = Collector()
    side = sidecar(c, 'interval=50ms name=shop header=X-Key:secret '
                   '"header=X-Two:a b"')
    before = time.time()
    side.get('/items/7?card=4111', headers={'User-Agent': 'test/1'})
    after = time.time()

    span = c.wait(1)[0]
    tap.same(span.resource.get('service.name'), 'shop', 'service.name')
    tap.same(span.resource.get('service.namespace'), 'm', 'its namespace')
    tap.same(span.resource.get('appmesh.mesh'), 'm', 'the mesh')
    tap.same(span.resource.get('appmesh.virtual_node'), 'me', 'the node')
    tap.same(span.kind, CLIENT, 'egress is a client')
    tap.same(span.name, 'GET app.local', 'a name that is one of a few')
    tap.ok(not span.failed, 'no failure')

    for name, want in (('http.request.method', 'GET'),
                       ('http.response.status_code', 200),
                       ('url.scheme', 'http'), ('url.path', '/items/7'),
                       ('url.full', 'http://app.local/items/7'),
                       ('server.address', 'app.local'),
                       ('user_agent.original', 'test/1'),
                       ('client.address', '127.0.0.1'),
                       ('network.protocol.version', '1.1'),
                       ('appmesh.virtual_service', 'app.local'),
                       ('appmesh.route', 'all'),
                       ('appmesh.target.virtual_node', 'a'),
                       ('http.response.body.size', 1),
                       ('response_flags', '-')):
        tap.same(span[name], want, name)

    tap.ok(not any('4111' in str(v) for v in span.attributes.values()),
           'the query string is nowhere')
    tap.ok(before - 1 <= span.start / 1e9 <= span.end / 1e9 <= after + 1,
           'its times')

    r = c.requests[0]
    tap.same((r.method, r.path), ('POST', '/v1/traces'), 'where it is sent')
    tap.same(r.header('Content-Type'), 'application/x-protobuf', 'as what')
    tap.same((r.header('X-Key'), r.header('X-Two')), ('secret', 'a b'),
             'with the headers of the directive')
    tap.ok((r.header('User-Agent') or '').startswith('nginx-mesh/'),
           'and a user agent')

    side.get('/b%ff%c3%a4', method='BREW', headers={
        'User-Agent': 'x\xff' + 'y' * 5000})
    span = c.wait(2)[1]
    tap.same((span['http.request.method'],
              span['http.request.method_original'], span.name),
             ('_OTHER', 'BREW', 'HTTP app.local'),
             'a method of somebody\'s own')
    tap.ok(len(span['user_agent.original']) <= 256, 'what is long is cut')

    side.get('/', host='nobody.local')
    span = c.wait(3)[2]
    tap.ok(span.failed and span['http.response.status_code'] == 404
           and span['error.type'] == '404' and span.name == 'GET',
           'a request that goes nowhere')
    tap.same(len({s.trace_id for s in c.spans}), 3, 'each its own trace')
    clean(side, c)
    tap.ok(side.stop(), 'it ends well')


def decoders():
    """Two decoders read what the proxy writes; they find out what is wrong."""
    name = 'spans are read by protobuf, too'
    if not mesh_otlp_proto.HERE:
        tap.skip(name, 'needs python3-protobuf')
        return
    c = Collector()
    side = sidecar(c, 'interval=50ms retries=on')
    side.get('/b%ff%c3%a4', headers={
        'User-Agent': '\xc3\xa4\xe2\x82', 'traceparent':
        '00-%032x-%016x-01' % (1, 2), 'tracestate': 'a=1'})
    c.wait(2)
    body = c.requests[0].body
    tap.same(len(mesh_otlp_proto.spans(body)), 2, name)
    rng = random.Random(7)
    refused = 0
    for _ in range(300):
        data = bytearray(body)
        for _ in range(rng.randrange(1, 4)):
            # not the highest bit, or each of them is told of as no UTF-8
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)
        try:
            mine = decode(bytes(data))
        except (ValueError, KeyError, IndexError, struct.error):
            mine = None
        try:
            mesh_otlp_proto.spans(bytes(data))
        except ValueError:
            refused += mine is None
    tap.ok(refused > 100, 'both refuse what is damaged', refused)
    clean(side, c)


def batches():
    """Batches by number and by time, over one connection."""
    c = Collector()
    side = sidecar(c, 'interval=1h batch=10')
    for _ in range(25):
        side.get()
    tap.same(len(c.wait(20)), 20, 'full batches are sent at once')
    tap.same(c.batches, [10, 10], 'of that size')
    tap.same(c.backend.connections, 1, 'over one connection')
    tap.ok(side.stop(), 'it ends well')
    tap.same(len(c.wait(25)), 25, 'the rest is sent when it ends')
    tap.same(len({s.span_id for s in c.spans}), 25, 'none of them twice')
    clean(side, c)


def reloads():
    """All spans arrive, over reloads."""
    c = Collector()
    side = sidecar(c, 'interval=200ms', workers=2)
    load = Load(side.egress, 4, pause=0.002)
    for _ in range(3):
        load.more(100)
        side.reload()
    load.more(100)
    load.stop()
    tap.same(load.failures, [], 'no request failed')
    tap.ok(side.stop(), 'it ends well')
    n = load.done
    tap.same(len({s.span_id for s in c.wait(n)}), n, 'nothing was lost')
    clean(side, c)


def retries():
    """Which answers are retried, when, and which are not."""
    for status in ('429 Slow', '502 Bad', '503 Busy', '504 Late'):
        c = Collector(answer=lambda r: reply('', status))
        side = sidecar(c)
        side.get()
        tap.ok(c.asked(2), '%s is retried' % status)
        c.answer = None
        tap.same(len(c.wait(1)), 1, 'and delivered in the end')
        tap.ok(side.logged(r'\[notice\].*takes spans again, 0 were dropped'),
               'which is told')
        tap.same(len(side.lines(r'spans do not get to')), 1,
                 'as the failure was, once')
        clean(side, c)
        side.stop()

    c = Collector(answer=lambda r: reply('', '503 Busy', [
        ('Retry-After', '4')]))
    side = sidecar(c)
    start = time.monotonic()
    side.get()
    c.asked(1)
    c.answer = None
    c.wait(1)
    tap.ok(time.monotonic() - start >= 3.5, 'Retry-After is honoured')
    side.stop()

    for status in ('400 Bad', '404 None', '500 Oops', '413 Big'):
        c = Collector(answer=lambda r: reply('', status))
        side = sidecar(c)
        side.get()
        tap.ok(c.asked(1), 'a span is sent')
        side.logged('answered with status')
        c.answer = None
        side.get()
        tap.same(len(c.wait(1)), 1, '%s is not retried' % status)
        tap.ok(side.logged('takes spans again, 1 were dropped'),
               'and its span counts as dropped')
        side.stop()

    c = Collector(answer=lambda r: reply(partial(1, 'no thanks')))
    side = sidecar(c)
    side.get()
    tap.ok(side.logged(r'\[warn\].*refused 1 of 1 spans: no thanks'),
           'a partial success is told')
    clean(side)


def attempts():
    """Each attempt is a child of the request's span."""
    c = Collector()
    answers = ['500 Oops', None, '200 OK']
    backend = Backend('a', answer=lambda r: answers[0] and reply(
        '', answers.pop(0)) if answers[0] else answers.pop(0))
    side = sidecar(c, 'interval=50ms retries=on', backend=backend, routes=[
        {'virtualRouterName': 'app', 'routeName': 'all', 'spec': {
            'httpRoute': {
                'match': {'prefix': '/'},
                'action': {'weightedTargets': [
                    {'virtualNode': 'a', 'weight': 1}]},
                'retryPolicy': {
                    'maxRetries': 2, 'httpRetryEvents': ['server-error'],
                    'tcpRetryEvents': ['connection-error'],
                    'perRetryTimeout': {'unit': 's', 'value': 5}}}}}])
    tap.same(side.get('/x?secret=1').status, 200, 'the third attempt is good')
    spans = c.wait(4)
    tap.same(len(spans), 4, 'a span for the request, and one for each attempt')
    parent, tries = spans[0], spans[1:]
    tap.same({s.parent for s in tries}, {parent.span_id}, 'which are children')
    tap.same({s.trace_id for s in spans}, {parent.trace_id}, 'of one trace')
    tap.same(len({s.span_id for s in spans}), 4, 'with ids of their own')
    tap.same([(s['http.response.status_code'], s['http.request.resend_count'],
               s.failed, s['error.type']) for s in tries],
             [(500, None, True, '500'), (None, 1, True, '_OTHER'),
              (200, 2, False, None)], 'their results and numbers')
    tap.same({s['upstream_address'] for s in tries},
             {'127.0.0.1:%d' % backend.port}, 'where they went')
    tap.ok(not any(s.flags & 0x200 for s in tries),
           'their parent is not somewhere else')
    tap.ok(all(parent.start <= s.start <= s.end <= parent.end for s in tries)
           and all(a.end <= b.start for a, b in zip(tries, tries[1:])),
           'one after the other, within the request')
    tap.ok(not any('secret' in str(s.attributes) for s in spans),
           'the query string is nowhere')
    side.get(host='nobody.local')
    tap.same(len(c.wait(5)), 5, 'none without an attempt')
    clean(side, c)
    side.stop()

    c = Collector()
    side = sidecar(c, 'interval=50ms retries=off')
    side.get()
    side.get()
    side.stop()
    tap.same(len(c.wait(2)), 2, 'only if they are wanted')


def away():
    """100,000 spans and nobody there: the memory is bounded."""
    backend = Backend('a')
    port = free_port()
    side = sidecar('http://127.0.0.1:%d' % port, 'interval=50ms memory=1m',
                   backend=backend)

    # the proxy's own answers are quick: there is no such service
    n = 100000 if SLOW == 1 else 10000
    side.get(host='nobody.local')
    side.logged('spans do not get to')
    before = rss(side.worker_pids()[0])
    flood(side.egress, n)
    grown = rss(side.worker_pids()[0]) - before
    tap.say('%d spans, %d KiB more' % (n, grown))
    if SANITIZE:
        tap.skip('memory is bounded', 'the sanitizer keeps what was freed')
    else:
        tap.ok(grown < 4096, 'memory is bounded', '%d KiB' % grown)
    tap.same(len(side.lines('spans do not get to')), 1, 'told once')
    tap.same(side.get().status, 200, 'requests are served')

    c = Collector(port=port)
    tap.ok(c.wait(500, 60), 'what was kept is delivered')
    tap.ok(side.logged(r'takes spans again, [1-9]\d* were dropped'),
           'and what was not is told')
    clean(side, c)
    tap.ok(side.stop(), 'it ends well')


def flood(port, n):
    """Requests in pipelines, whose answers are counted."""
    one = b'GET / HTTP/1.1\r\nHost: nobody.local\r\n\r\n'
    while n > 0:
        with socket.create_connection(('127.0.0.1', port), 60) as s:
            part = min(n, 500)
            s.sendall(one * (part - 1)
                      + one.replace(b'\r\n\r\n',
                                    b'\r\nConnection: close\r\n\r\n'))
            while s.recv(65536):
                pass
        n -= part


def hostile():
    """A collector that hangs, garbles or floods is no matter to requests."""
    # whoever waits for it waits for longer than a machine is ever late
    def hang(r):
        time.sleep(20)

    for name, answer in (
            ('hangs', hang),
            ('garbles', lambda r: b'SSH-2.0-x\r\n\r\n'),
            ('floods', lambda r: reply('x' * 2000000)),
            ('answers noise', lambda r: reply(b'\x0a\xff\xff\xff')),
            ('closes', lambda r: None)):
        c = Collector(answer=answer)
        side = sidecar(c, 'interval=20ms timeout=8s')
        took = []
        for _ in range(50):
            start = time.monotonic()
            good = side.get().status == 200
            took.append(time.monotonic() - start if good else 99)
        tap.ok(max(took) < 5 * SLOW, 'one that %s holds nobody up' % name,
               '%.3f s' % max(took))
        tap.ok(c.asked(1), 'it was asked')
        start = time.monotonic()
        tap.ok(side.stop(timeout=8), 'the worker ends')
        tap.ok(time.monotonic() - start < 5 * SLOW, 'soon')
        clean(side)


def ends():
    """A worker that is told to quit is held for a while only."""
    side = sidecar('http://127.0.0.1:%d' % free_port(), 'interval=1h')
    side.get()
    start = time.monotonic()
    tap.ok(side.stop(), 'it ends with nobody there')
    tap.ok(time.monotonic() - start < 4 * SLOW, 'soon')
    tap.ok(side.lines('1 spans were not delivered'), 'and tells what is lost')
    clean(side)

    side = sidecar('http://127.0.0.1:%d' % free_port(), 'interval=1h')
    start = time.monotonic()
    tap.ok(side.stop(), 'without spans')
    tap.ok(time.monotonic() - start < 2 * SLOW, 'at once')


def ends_at_once():
    """A process that has no time to end delivers what it can, soon."""
    ca = Authority(directory())
    for what, sig, kw in (
            ('SIGTERM', signal.SIGTERM, {}),
            ('SIGINT', signal.SIGINT, {'workers': 2}),
            ('SIGTERM to a single process', signal.SIGTERM, {'master': False}),
            ('SIGQUIT to a single process', signal.SIGQUIT, {'master': False})):
        c = Collector()
        side = sidecar(c, 'interval=1h batch=10', **kw)
        for _ in range(25):
            side.get()
        c.wait(len(c.spans))
        start = time.monotonic()
        tap.ok(side.stop(sig), '%s ends it' % what)
        tap.ok(time.monotonic() - start < 3 * SLOW, 'soon')
        tap.same(len({s.span_id for s in c.wait(25)}), 25, 'all spans arrive')
        tap.same(len(c.spans), 25, 'once')
        tap.same(side.lines('were not delivered'), [], 'and none is missed')
        clean(side, c)

        side = sidecar('http://127.0.0.1:%d' % free_port(), 'interval=1h', **kw)
        side.get()
        start = time.monotonic()
        tap.ok(side.stop(sig), '%s with nobody there' % what)
        tap.ok(time.monotonic() - start < 2 * SLOW, 'at once')
        tap.same(len(side.lines('1 spans were not delivered')), 1,
                 'and tells what is lost')
        clean(side)

        c = Collector(answer=lambda r: time.sleep(3))
        side = sidecar(c, 'interval=1h', **kw)
        side.get()
        start = time.monotonic()
        tap.ok(side.stop(sig), '%s while the collector hangs' % what)
        tap.ok(time.monotonic() - start < 3 * SLOW, 'within a time')
        tap.ok(side.lines('1 spans were not delivered'), 'which is told')
        clean(side)

    # one worker of a proxy that goes on: it is seen what was lost
    side = sidecar('http://127.0.0.1:%d' % free_port(), 'interval=1h')
    side.get()
    side.get()
    pid, = side.worker_pids()
    side.send(signal.SIGTERM, pid)
    wait(lambda: side.worker_pids() not in ([], [pid]))
    tap.ok('mesh_trace_dropped_total 2\n' in
           side.page('/stats/prometheus').text,
           'what a worker has lost is in the metrics of the next')
    clean(side)

    c = Collector()
    side = sidecar(c, 'interval=1h', workers=2)
    side.get()
    pids = side.worker_pids()
    for pid in pids:
        side.send(signal.SIGTERM, pid)
    wait(lambda: len(set(side.worker_pids()) - set(pids)) == 2)
    tap.ok('mesh_trace_sent_total 1\n' in
           side.page('/stats/prometheus').text, 'and what it has delivered')
    clean(side, c)

    c = Collector()
    side = sidecar(c, 'interval=1h', master=False)
    side.get()
    side.send(signal.SIGHUP)
    # of nginx, it takes no new connections then
    tap.same(len(c.wait(1)), 1, 'a reload of a single process delivers them')
    tap.ok(side.stop(), 'which ends well')
    clean(side, c)

    # a request is under way, and more wait behind it
    slow = threading.Event()

    def late(r):
        slow.wait(0.1)
        return reply(b'')
    c = Collector(answer=late)
    side = sidecar(c, 'interval=1h batch=5')
    for _ in range(12):
        side.get()
    side.stop(signal.SIGTERM)
    tap.same(len({s.span_id for s in c.wait(12)}), 12,
             'what is under way is waited for')
    clean(side, c)

    good = FakeControl(context=ca.context('good', 'DNS:localhost'))
    good.always = lambda c, r: c.send(reply(''))
    side = sidecar(good.url('https').replace('127.0.0.1', 'localhost'),
                   'interval=1h batch=2 trusted=%s' % ca.ca)
    for _ in range(3):
        side.get()
    good.upto(1)
    side.stop(signal.SIGTERM)
    tap.ok(good.upto(2), 'over TLS, to a name that was resolved before')
    tap.same(side.lines('were not delivered'), [], 'nothing is missed')
    clean(side)

    side = sidecar(good.url('https').replace('127.0.0.1', 'localhost'),
                   'interval=1h trusted=%s' % ca.ca)
    side.get()
    side.stop(signal.SIGTERM)
    tap.ok(side.lines('1 spans were not delivered'),
           'a name is not resolved at the last moment')
    clean(side)


def secure():
    """TLS, verified."""
    ca = Authority(directory())
    good = FakeControl(context=ca.context('good', 'IP:127.0.0.1'))
    good.always = lambda c, r: c.send(reply(''))
    side = sidecar(good.url('https'), 'interval=50ms trusted=%s' % ca.ca)
    side.get()
    tap.ok(good.upto(1), 'spans are sent over TLS')
    side.stop()

    bad = FakeControl(context=ca.context('bad', 'DNS:other.local'))
    side = sidecar(bad.url('https'), 'interval=50ms trusted=%s' % ca.ca)
    side.get()
    tap.ok(side.logged('spans do not get to .* is not for'),
           'and not to anybody else')
    tap.same(bad.count(), 0, 'not one')
    clean(side)


def directives():
    """What is wrong with the directive is told."""
    def says(args, want):
        n = Nginx(http=None, main='mesh m { control_plane file:/x; %s }'
                  % args)
        status, text = n.test()
        tap.ok(status != 0 and want in text, args, text)

    says('otlp;', 'invalid number of arguments')
    says('otlp localhost:4318;', 'has no "http://"')
    says('otlp http://c; otlp http://d;', 'is duplicate')
    says('otlp http://c interval=0;', 'invalid parameter "interval=0"')
    says('otlp http://c batch=x;', 'invalid parameter "batch=x"')
    says('otlp http://c memory=1k;', 'at least 128k')
    says('otlp http://c retries=yes;', 'invalid parameter "retries=yes"')
    says('otlp http://c colour=red;', 'invalid parameter "colour=red"')
    says('otlp http://c header=x;', 'header without ":"')
    says('otlp http://c "header=a b:c";', 'invalid characters')
    says('otlp http://c trusted=/x;', 'no use for "trusted"')
    says('otlp https://c trusted=/nonexistent;', '/nonexistent')

    n = Nginx(http=None, main='mesh m { control_plane file:/x; '
              'otlp http://c:1/p/ interval=1s batch=5 memory=2m timeout=1s '
              'name=n header=a:b retries=on; }')
    status, text = n.test()
    tap.ok(status == 0, 'all parameters at once', text)


tap.run(contents, decoders, batches, reloads, retries, attempts, away, hostile,
        ends, ends_at_once, secure, directives)
