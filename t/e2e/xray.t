#!/usr/bin/python3
#
# Segments of X-Ray, each checked against the rules of its document: one for
# each pass through a proxy, joined to one tree by applications that forward the
# header; of failed and retried requests; and none that a request waits for when
# the daemon is away.  An id that came in is never another one further on.

import copy
import json
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

import mesh_xray_schema

from mesh_test import (Backend, Sidecar, connect, directory, document, endpoint,
                       exchange, free_port, read_all, reply, request, tap, wait)
from mesh_xray import Daemon

ROOT = '1-5759e988-bd862e3fe1be46a994272793'
PARENT = '53995c3f42cd8ad8'
ALL = 'xray 127.0.0.1:%d rate=1 %s;'


def given(id=ROOT, sampled='1'):
    return {'X-Amzn-Trace-Id': 'Root=%s;Parent=%s%s' % (
        id, PARENT, sampled and ';Sampled=' + sampled)}


def fields(header):
    return dict(part.split('=', 1) for part in header.split(';'))


def documents():
    """Who looks at segments finds out what is wrong with them."""
    daemon = Daemon()
    app = Backend(answer=lambda r: reply('', '503 X'))
    p = Sidecar(document(1, {'a': [app.port]}),
                mesh=ALL % (daemon.port, 'retries=on')).start()
    p.at('1')
    p.get()
    good = (daemon.wait(1) or [{}])[0]
    tap.same(daemon.bad, [], 'one that is good')

    # what is wrong, where, with what in its place (None: it is taken out), and
    # can the model know it?
    broken = (
        ('no name', ['name'], None, True),
        ('a long name', ['name'], 'n' * 201, False),
        ('a name with a bracket', ['name'], 'm/<me>', False),
        ('an id of 15 digits', ['id'], '0' * 15, True),
        ('no trace_id', ['trace_id'], None, True),
        ('a trace_id of W3C', ['trace_id'], '5759e988' * 4, True),
        ('no end', ['end_time'], None, True),
        ('an end while in progress', ['in_progress'], True, True),
        ('a start that is text', ['start_time'], '1700000000', True),
        ('a parent_id that is none', ['parent_id'], 'parent', False),
        ('a status that is text', ['http', 'response', 'status'], '503', True),
        ('a member of http.request nobody knows',
         ['http', 'request', 'host'], 'app.local', False),
        ('a client_ip that is none',
         ['http', 'request', 'client_ip'], 'unix:', False),
        ('a 503 without a fault', ['fault'], None, False),
        ('a fault that is a number', ['fault'], 1, True),
        ('an annotation with a colon', ['annotations', 'a:b'], 'x', False),
        ('an annotation that is a list', ['annotations', 'a'], [1], True),
        ('a long annotation', ['annotations', 'a'], 'x' * 1001, False),
        ('51 annotations', ['annotations'],
         {'k%d' % i: 1 for i in range(51)}, False),
        ('a namespace nobody knows', ['subsegments', 0, 'namespace'], 'http',
         False),
        ('a subsegment without an id', ['subsegments', 0, 'id'], None, False),
        ('a precursor that is no id', ['subsegments', 0, 'precursor_ids'],
         ['x'], False),
        ('a member nobody knows', ['kind'], 'server', False),
        ('more than 64 kB', ['metadata'], {'a': {'b': 'x' * 65536}}, False))

    for source in mesh_xray_schema.sources():
        knows = source.name == mesh_xray_schema.Schema.name
        text = json.dumps(good)
        tap.same(source.problems(good, text), [], '%s takes it' % source.name)
        for what, path, value, model in broken:
            if not knows and not model:
                continue
            bad = copy.deepcopy(good)
            part = bad
            for name in path[:-1]:
                part = part[name]
            if value is None:
                del part[path[-1]]
            else:
                part[path[-1]] = value
            tap.ok(source.problems(bad, json.dumps(bad)),
                   '%s refuses %s' % (source.name, what))
    for name, needs in mesh_xray_schema.missing():
        tap.skip('segments are not looked at by ' + name, needs)


class Hop:
    """A node of the mesh: an application and its sidecar."""

    def __init__(self, name, daemon, next_host=None):
        self.name = name
        self.next_host = next_host
        self.app = Backend(name, answer=self.answer)
        self.ingress = free_port()
        self.proxy = Sidecar(
            resource='virtualNode/' + name, mesh=ALL % (daemon.port, ''),
            http='server { listen 127.0.0.1:%d; location / { mesh_pass ingress'
                 ' port=%d; } }' % (self.ingress, self.app.port))

    def answer(self, r):
        if self.next_host:
            n = self.proxy.get(r.line.split()[1], host=self.next_host, headers={
                'X-Amzn-Trace-Id': r.header('X-Amzn-Trace-Id'),
                'X-Request-Id': r.header('X-Request-Id')})
            return reply(n.text)
        return reply(self.name)


def three_hops():
    daemon = Daemon()
    hops = [Hop('front', daemon, 'order.local'),
            Hop('order', daemon, 'stock.local'), Hop('stock', daemon)]

    def spec(h):
        s = {'listeners': [{'portMapping': {'port': h.app.port,
                                            'protocol': 'http'}}],
             'serviceDiscovery': {'dns': {'hostname': h.name + '.internal'}}}
        if h.next_host:
            s['backends'] = [{'virtualService': {
                'virtualServiceName': h.next_host}}]
        return {'virtualNodeName': h.name, 'spec': s}

    doc = {'meshDocument': 1, 'version': '1',
           'mesh': {'meshName': 'm', 'spec': {}},
           'virtualRouters': [], 'routes': [],
           'virtualServices': [
               {'virtualServiceName': h.name + '.local', 'spec': {'provider': {
                   'virtualNode': {'virtualNodeName': h.name}}}}
               for h in hops],
           'virtualNodes': [spec(h) for h in hops],
           'endpoints': {h.name: [endpoint(h.ingress)] for h in hops}}
    for h in hops:
        h.proxy.put(doc)
        h.proxy.start()
        h.proxy.at('1')

    r = request(hops[0].ingress, '/a?b=c', host='shop.example',
                headers=given(sampled='?'))
    tap.same(r.text, 'stock', 'three applications answer')

    segments = daemon.wait(5)
    tap.same(daemon.bad, [], 'all segments are as X-Ray wants them')
    tap.same(len(segments), 5, 'a segment for each pass: in, out, in, out, in')
    tap.same({s['trace_id'] for s in segments}, {ROOT}, 'of the trace given')

    chain, parent = [], PARENT
    by_parent = {s['parent_id']: s for s in segments}
    while parent in by_parent:
        s = by_parent[parent]
        chain.append((s['name'], s['annotations']['direction']))
        parent = s['id']
    tap.same(chain, [('m/front', 'ingress'), ('m/front', 'egress'),
                     ('m/order', 'ingress'), ('m/order', 'egress'),
                     ('m/stock', 'ingress')], 'they are one tree')
    tap.same(len({s['annotations']['guid_x_request_id'] for s in segments}), 1,
             'with one x-request-id')
    s = by_parent[PARENT]
    tap.same(s['origin'], 'AWS::AppMesh::Proxy', 'origin')
    tap.same(s['aws'], {'app_mesh': {'mesh_name': 'm',
                                     'virtual_node_name': 'front'}}, 'aws')
    tap.same(s['http']['request']['url'], 'http://shop.example/a?b=c', 'url')
    tap.same(s['http']['response'], {'status': 200, 'content_length': 5},
             'response')
    tap.ok(not {'error', 'fault', 'throttle'} & set(s), 'no failure')
    for h in hops:
        tap.same(h.proxy.bad(), [], '%s logs nothing bad' % h.name)


def decisions():
    daemon = Daemon()
    app = Backend()
    p = Sidecar(document(1, {'a': [app.port]}),
                mesh='xray 127.0.0.1:%d rate=0;' % daemon.port).start()
    p.at('1')
    # the reservoir of the default rule is one a second: take it away
    for _ in range(3):
        p.get()
    for text, sampled, id in (
            ('Root=%s;Parent=%s;Sampled=1' % (ROOT, PARENT), '1', ROOT),
            ('Root=%s;Parent=%s;Sampled=0' % (ROOT, PARENT), '0', ROOT),
            ('sampled=1;parent=%s;root=%s;Self=1-2-3' % (PARENT, ROOT), '1',
             ROOT),
            ('Root=%s;Lineage=a87bd80c:1|68fd508a:5;Sampled=0' % ROOT, '0',
             ROOT)):
        p.get(headers={'X-Amzn-Trace-Id': text})
        got = fields(app.requests[-1].header('X-Amzn-Trace-Id'))
        tap.same((got['Root'], got['Sampled']), (id, sampled), text)
        tap.ok(got['Parent'] != PARENT, 'the parent is this proxy')
    tap.same(got.get('Lineage'), 'a87bd80c:1|68fd508a:5', 'Lineage goes on')

    p.get(headers={'X-Amzn-Trace-Id': 'Root=garbage;Sampled=1'})
    got = fields(app.requests[-1].header('X-Amzn-Trace-Id'))
    tap.ok(re.match(r'^1-[0-9a-f]{8}-[0-9a-f]{24}$', got['Root']),
           'what is malformed is as if it were absent')
    tap.ok(abs(int(got['Root'][2:10], 16) - time.time()) < 60,
           'a new id begins with the time')
    sampled = daemon.wait(2)
    tap.ok(all(s['trace_id'] != ROOT or s['parent_id'] == PARENT
               for s in sampled), 'segments of those that are sampled')
    tap.same(daemon.bad, [], 'all segments are as X-Ray wants them')


def failures():
    daemon = Daemon()
    app = Backend(answer=lambda r: None if 'close' in r.line else reply(
        '', r.line.split('/')[1].split()[0] + ' X'))
    p = Sidecar(document(1, {'a': [app.port]}, routes=[
        {'virtualRouterName': 'app', 'routeName': 'all', 'spec': {
            'httpRoute': {'match': {'prefix': '/'},
                          'action': {'weightedTargets': [
                              {'virtualNode': 'a', 'weight': 1}]},
                          'retryPolicy': {
                              'maxRetries': 2, 'httpRetryEvents': [
                                  'server-error'],
                              'perRetryTimeout': {'unit': 's', 'value': 5}},
                          }}}]),
                mesh=ALL % (daemon.port, 'retries=on')).start()
    p.at('1')

    def one(path, host='app.local'):
        daemon.clear()
        r = p.get(path, host=host)
        got = daemon.wait(1)
        return r, (got or [{}])[0]

    def flags(s):
        return sorted({'error', 'fault', 'throttle'} & set(s))

    for path, want in (('/404', ['error']), ('/429', ['error', 'throttle']),
                       ('/200', [])):
        r, s = one(path)
        tap.same((flags(s), s['http']['response']['status']), (want, r.status),
                 path)
    r, s = one('/500')
    tap.same((r.status, flags(s)), (500, ['fault']), 'a fault')
    tap.same([(x['http']['response']['status'], x['annotations']['attempt'])
              for x in s.get('subsegments', [])],
             [(500, 1), (500, 2), (500, 3)], 'attempts are subsegments')
    tap.same(s['annotations']['attempts'], 3, 'and counted')
    r, s = one('/close')
    tap.same((r.status, flags(s), s['annotations']['response_flags']),
             (503, ['fault'], 'UC,URX'), 'closed without an answer')
    tap.same([('http' in x, x.get('fault')) for x in s.get('subsegments', [])],
             [(False, True)] * len(s.get('subsegments', [])),
             'its attempts have no status')
    r, s = one('/', 'nobody.local')
    tap.same((r.status, flags(s)), (404, ['error']), 'never reached a route')
    tap.ok('upstream_cluster' not in s['annotations'], 'and no cluster')
    tap.same(daemon.bad, [], 'all segments are as X-Ray wants them')


def half_an_answer():
    """An attempt that stops after its status line has no status."""
    daemon = Daemon()
    count = []

    def raw(s, f, r):
        count.append(r)
        if len(count) == 1:
            s.sendall(b'HTTP/1.1 200 OK\r\n')
            return s.recv(1) and False
        s.sendall(reply('whole'))
        return True

    app = Backend(raw=raw)
    p = Sidecar(document(1, {'a': [app.port]}, routes=[{
        'virtualRouterName': 'app', 'routeName': 'all', 'spec': {'httpRoute': {
            'match': {'prefix': '/'},
            'action': {'weightedTargets': [{'virtualNode': 'a', 'weight': 1}]},
            'retryPolicy': {'maxRetries': 2,
                            'httpRetryEvents': ['gateway-error'],
                            'perRetryTimeout': {'unit': 'ms', 'value': 2000}},
        }}}]), mesh=ALL % (daemon.port, 'retries=on')).start()
    p.at('1')
    r = p.get()
    s = (daemon.wait(1) or [{}])[0]
    tap.same((r.status, [(x.get('http', {}).get('response', {}).get('status'),
                          x.get('fault'))
                         for x in s.get('subsegments', [])]),
             (200, [(None, True), (200, None)]),
             'half an answer is none, the next one is')


def subrequests():
    """A request is one pass, whatever it takes: subrequests are no others, and
    their endpoints see the trace of the request."""
    daemon = Daemon()
    app = Backend()
    port = free_port()
    p = Sidecar(document(1, {'a': [app.port]}), level='info',
                mesh=ALL % (daemon.port, 'retries=on'), http="""
        server {
            listen 127.0.0.1:%d;
            location / {
                auth_request  /auth;
                mirror        /mirror;
                mesh_pass     egress;
            }
            location = /auth { internal; mesh_pass egress; }
            location = /mirror { internal; mesh_pass egress; }
        }
        """ % port).start()
    p.at('1')

    for n, headers in enumerate((given(), {}, given(sampled='0'))):
        daemon.clear()
        del app.requests[:]
        tap.same(request(port, '/x', host='app.local', headers=headers).status,
                 200, 'a request with a subrequest before and one beside it')
        tap.ok(wait(lambda: len(app.requests) == 3), 'which all arrive',
               [r.line for r in app.requests])
        got = {r.path: [v for k, v in r.headers
                        if k.lower() == 'x-amzn-trace-id']
               for r in app.requests}
        tap.same(len(got.get('/x', [])), 1, 'one header of a trace goes on')
        root = fields(got['/x'][0])['Root']
        tap.ok(all(len(v) <= 1 and (not v or fields(v[0])['Root'] == root)
                   for v in got.values()),
               'and no other one with subrequests', got)
        if headers:
            tap.same(sorted(len(v) for v in got.values()), [1, 1, 1],
                     'which have that of the client')
        if n != 2:
            daemon.wait(1)
        request(port, '/y', host='app.local', headers=given())
        daemon.wait(1 if n == 2 else 2)
        wait(lambda: len(app.requests) == 6)
        tap.same([s['http']['request']['url'].split('/')[-1]
                  for s in daemon.segments], ['x', 'y'][n == 2:],
                 'one segment for each request that is traced')
        tap.same([len(s['subsegments']) for s in daemon.segments],
                 [1] * (1 + (n != 2)), 'and of its attempt only')
    tap.same(daemon.bad, [], 'all segments are as X-Ray wants them')
    tap.same(p.bad(), [], 'nothing bad is logged')
    tap.ok(p.stop(), 'it ends well')


def strange():
    daemon = Daemon()
    app = Backend()
    p = Sidecar(document(1, {'a': [app.port]}),
                mesh=ALL % (daemon.port, '"name=a/b?;x"')).start()
    p.at('1')
    for agent in (b'a"b\\c\x01\x7f'.decode('latin-1'), '\xff\xfe\xc3',
                  'x' * 5000, '\xe2\x82'):
        p.get('/' + 'p' * 3000 + '?' + 'q' * 4000, headers={
            'User-Agent': agent, 'X-Forwarded-For': '1.2.3.4, 5.6.7.8',
            'X-Request-Id': 'r' * 3000})
    s = daemon.wait(4)
    tap.same(daemon.bad, [], 'all segments are as X-Ray wants them')
    tap.same(len(s), 4, 'nothing is lost')
    tap.same({x['name'] for x in s}, {'a/b__x'}, 'a name of allowed characters')
    tap.ok(all(len(x['http']['request']['url']) == 256 for x in s),
           'the URL is cut')
    tap.same({x['http']['request']['client_ip'] for x in s}, {'1.2.3.4'},
             'client_ip is that of X-Forwarded-For')


def clients():
    """The address of the client is one, whatever X-Forwarded-For says."""
    daemon = Daemon()
    app = Backend()
    path = directory() + '/s'
    p = Sidecar(document(1, {'a': [app.port]}), mesh=ALL % (daemon.port, ''),
                http='server { listen unix:%s; location / { mesh_pass egress; }'
                     ' }' % path).start()
    p.at('1')
    for text, want, forwarded in (
            ('1.2.3.4', '1.2.3.4', True),
            ('1.2.3.4:5678, 10.0.0.1', '1.2.3.4', True),
            (' fd00::1', 'fd00::1', True),
            ('[fd00::1]:5678', 'fd00::1', True),
            ('[fd00::1', '127.0.0.1', False),
            ('unknown, 1.2.3.4', '127.0.0.1', False),
            ('_hidden', '127.0.0.1', False),
            ('1.2.3.4.5', '127.0.0.1', False),
            ('1.2.3.4:x', '127.0.0.1', False),
            ('"><script>', '127.0.0.1', False),
            (',', '127.0.0.1', False),
            ('', '127.0.0.1', False)):
        daemon.clear()
        p.get(headers={'X-Forwarded-For': text})
        got = (daemon.wait(1) or [{'http': {'request': {}}}])[0]
        got = got['http']['request']
        tap.same((got.get('client_ip'), got.get('x_forwarded_for', False)),
                 (want, forwarded), 'X-Forwarded-For: ' + text)

    daemon.clear()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b'GET / HTTP/1.0\r\nHost: app.local\r\n\r\n')
        read_all(s)
    got = (daemon.wait(1) or [{'http': {'request': {'client_ip': 'none'}}}])[0]
    tap.ok('client_ip' not in got['http']['request'],
           'a client of a UNIX socket has none')
    tap.same(daemon.bad, [], 'all segments are as X-Ray wants them')


def passed(p, app, lines, *names):
    """What the application gets of these headers, in the order of names."""
    exchange(p.egress, ('GET / HTTP/1.1\r\nHost: app.local\r\nConnection: '
                        'close\r\n%s\r\n' % ''.join(
                            line + '\r\n' for line in lines)).encode())
    got = app.requests[-1].headers
    return [[v for k, v in got if k.lower() == name] for name in names]


def repeated():
    """A client has sent a header twice: the application must find one."""
    daemon = Daemon()
    app = Backend()
    p = Sidecar(document(1, {'a': [app.port]}), mesh=ALL % (daemon.port, '')
                + 'trace_headers xray w3c;').start()
    p.at('1')
    mine = 'X-Amzn-Trace-Id: ' + given()['X-Amzn-Trace-Id']
    other = 'Root=1-00000001-000000000000000000000002;Sampled=0'
    xray, = passed(p, app, [mine, 'X-Amzn-Trace-Id: ' + other],
                   'x-amzn-trace-id')
    tap.same([fields(v)['Root'] for v in xray], [ROOT],
             'of an X-Amzn-Trace-Id that came twice the first one goes on')

    ids = ['%032x' % n for n in (10, 11)]
    both = ['traceparent: 00-%s-%s-01' % (id, PARENT) for id in ids]
    state = 'tracestate: a=1'
    parent, states = passed(p, app, both + [state], 'traceparent', 'tracestate')
    tap.ok(len(parent) == 1 and parent[0].split('-')[1] not in ids,
           'two of traceparent are none: the trace is a new one', parent)
    tap.same(states, [], 'and tracestate is not of it')
    parent, xray = passed(p, app, both + [mine], 'traceparent',
                          'x-amzn-trace-id')
    tap.same(([v.split('-')[1] for v in parent],
              [fields(v)['Root'] for v in xray]),
             ([ROOT[2:].replace('-', '')], [ROOT]),
             "which is no matter to X-Ray's")

    for lines, want in (
            ((state, 'tracestate: b=2,c=3'), ['a=1', 'b=2,c=3']),
            (('tracestate:', state), ['', 'a=1']),
            (('tracestate: x=' + 'y' * 2000, 'tracestate: z=' + 'y' * 200),
             []),
            ((), [])):
        parent, states = passed(p, app, both[:1] + list(lines), 'traceparent',
                                'tracestate')
        tap.same((parent[0].split('-')[1], states), (ids[0], want),
                 'tracestate in lines of %s' % [len(v) for v in lines])

    n, ms = passed(p, app, ['X-Request-Id: 1', 'x-request-id: 2',
                            'x-envoy-expected-rq-timeout-ms: 1',
                            'X-Envoy-Expected-Rq-Timeout-Ms: 2'],
                   'x-request-id', 'x-envoy-expected-rq-timeout-ms')
    tap.same((n, ms), (['1'], ['15000']), 'one x-request-id, one time limit')
    tap.same(daemon.bad, [], 'all segments are as X-Ray wants them')
    tap.same(p.bad(), [], 'nothing bad is logged')


def b3():
    """Headers of B3 in whichever form do not contradict the one written."""
    app = Backend()
    id = ROOT[2:].replace('-', '')
    names = ['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid',
             'x-b3-sampled', 'x-b3-flags']
    values = ['0', id, PARENT, '05e3ac9a4f6e3b90', '1', '0']
    lines = ['%s: %s' % pair for pair in zip(names, values)]

    p = Sidecar(document(1, {'a': [app.port]}),
                mesh='trace_headers b3;').start()
    p.at('1')
    got = passed(p, app, lines[1:] + ['X-B3-Sampled: 0'], *names)
    tap.same((len(got[0]), got[0][0][:33], got[0][0][-2:], got[1:]),
             (1, id + '-', '-1', [[]] * 5), 'written as one, in place of all')
    got = passed(p, app, ['x-b3-parentspanid: 1', 'x-b3: 7', 'b33: 8'], *names)
    tap.same((len(got[0]), got[1:]), (1, [[]] * 5), 'a lone one goes as well')
    tap.same(passed(p, app, ['x-b3: 7', 'b33: 8'], 'x-b3', 'b33'),
             [['7'], ['8']], 'others do not')

    p = Sidecar(document(1, {'a': [app.port]}),
                mesh='trace_headers xray;').start()
    p.at('1')
    got = passed(p, app, lines + ['b3: 1'], *names)
    tap.same(got, [['0', '1']] + [[v] for v in values[1:]],
             'left alone if B3 is not written')


def handed_on():
    """An error page leads into the mesh again: one trace, all its attempts."""
    daemon = Daemon()
    app = Backend(answer=lambda r: reply('', r.path[1:] + ' X'))
    port = free_port()
    p = Sidecar(document(1, {'a': [app.port]}),
                mesh=ALL % (daemon.port, 'retries=on'),
                http='server { listen 127.0.0.1:%d; proxy_intercept_errors on;'
                     ' location / { mesh_pass egress; error_page 404 = /200; }'
                     ' location = /200 { mesh_pass egress; } }'
                     % port).start()
    p.at('1')
    request(port, '/404', host='app.local')
    s = (daemon.wait(1) or [{}])[0]
    tap.same([x['http']['response']['status'] if 'http' in x else None
              for x in s.get('subsegments', [])], [404, 200],
             'attempts before and after an error page have their statuses')


def away():
    app = Backend()
    port = free_port()
    p = Sidecar(document(1, {'a': [app.port]}), level='warn',
                mesh=ALL % (port, '')).start()
    p.at('1')
    n = 300
    start = time.monotonic()
    tap.same({p.get().status for _ in range(n)}, {200},
             'without a daemon requests are served')
    tap.say('%.1f ms a request' % ((time.monotonic() - start) * 1000 / n))
    tap.same(len(p.lines("segments for X-Ray's daemon")), 1, 'it is said once')

    daemon = Daemon(port)
    tap.ok(wait(lambda: (p.get(), daemon.segments)[1], 10, 0.05),
           'segments come once it is there')
    tap.same(p.bad(), [], 'nothing bad is logged')


def together():
    """Those that come together wait for each other, and for nobody else."""
    daemon = Daemon()
    app = Backend()
    p = Sidecar(document(1, {'a': [app.port]}),
                mesh=ALL % (daemon.port, '')).start()
    p.at('1')
    n = 5 * 16 + 7
    with connect(p.egress) as s:
        s.sendall(b'GET /some HTTP/1.1\r\nHost: app.local\r\n\r\n' * (n - 1)
                  + b'GET /last HTTP/1.1\r\nHost: app.local\r\n'
                    b'Connection: close\r\n\r\n')
        read_all(s)
    # the rest of them waits no longer than the worker lives
    tap.ok(p.stop(), 'a worker that is told to end')
    got = daemon.wait(n)
    tap.same(len(got), n, 'has sent all of its segments')
    tap.same(len({x['id'] for x in got}), n, 'each of them once')
    tap.ok([x for x in got if x['http']['request']['url'].endswith('/last')],
           'the last one, too')
    tap.same(daemon.bad, [], 'each in a datagram of its own')


def single():
    """The zone of rules goes with tracing, a client's connection stays."""
    daemon = Daemon()
    app = Backend()
    p = Sidecar(document(1, {'a': [app.port]}), master=False,
                mesh=ALL % (daemon.port, '')).start()
    p.at('1')
    with connect(p.egress) as s:
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        tap.ok(s.recv(4096), 'a connection')
        p.mesh = ''
        p.write()
        p.send(signal.SIGHUP)
        wait(lambda: len(p.lines('using the "epoll"')) > 1)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        s.settimeout(2)
        try:
            s.recv(4096)
        except OSError:
            pass
    tap.same(p.page('/stats').status, 200, 'a single process lives on')


def reservoir():
    daemon = Daemon()
    app = Backend()
    rules = directory() + '/rules.json'
    with open(rules, 'w') as f:
        f.write('{"version":2,"default":{"fixed_target":0,"rate":0},"rules":['
                '{"host":"app.local","http_method":"GET","url_path":"/some/*",'
                '"fixed_target":3,"rate":0},'
                '{"host":"*","http_method":"*","url_path":"/all*",'
                '"fixed_target":0,"rate":1}]}')
    p = Sidecar(document(1, {'a': [app.port]}), workers=2,
                mesh='xray 127.0.0.1:%d rules=%s;' % (daemon.port,
                                                     rules)).start()
    p.at('1')
    for _ in range(20):
        p.get('/all')
        p.get('/none')
        p.get('/some/x', method='POST')
    tap.same(len(daemon.wait(20)), 20, 'the first rule that matches counts')
    daemon.clear()
    start = time.monotonic()
    n = 0
    while time.monotonic() - start < 3:
        p.get('/some/x')
        n += 1
    seconds = time.monotonic() - start
    got = len(daemon.wait(6))
    tap.ok(6 <= got <= 3 * (int(seconds) + 2),
           'two workers have one reservoir: %d of %d requests in %.1f s'
           % (got, n, seconds))

    for text, error in (
            ('{"version":1,"rules":[]}', 'version: must be 2'),
            ('{"version":2,"default":{"fixed_target":1}}', 'default.rate: '),
            ('{"version":2,"default":{"fixed_target":1,"rate":0},"rules":['
             '{"host":"*","url_path":"*","fixed_target":1,"rate":0}]}',
             'rules[0].http_method: ')):
        with open(rules, 'w') as f:
            f.write(text)
        status, said = p.test()
        tap.ok(status and error in said and rules in said, error, said)


tap.run(documents, three_hops, decisions, failures, half_an_answer,
        subrequests, strange, clients, repeated, b3, handed_on, away,
        together, single, reservoir)
