#!/usr/bin/env python3
#
# Documents of proxies: what is in them, when those who wait for one are woken
# and when not, and what becomes of them when workers end.

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

import mesh_h2 as h2
from mesh_control import ControlPlane, uri
from mesh_test import SLOW, Sidecar, alive, tap, wait

if not os.environ.get('MESH_CONTROL_MODULE'):
    tap.skip_all('no control plane was built')

LISTENER = {'portMapping': {'port': 8080, 'protocol': 'http'}}


def path(name, kind='virtualNodes', what='document'):
    return '/mesh/v1/meshes/m/%s/%s/%s' % (kind, name, what)


def node_spec(name, backends=(), port=8080):
    return {'listeners': [{'portMapping': {'port': port, 'protocol': 'http'}}],
            'serviceDiscovery': {'dns': {'hostname': '127.0.0.1'}},
            'backends': [{'virtualService': {'virtualServiceName': b}}
                         for b in backends]}


def route_spec(node, prefix='/'):
    return {'httpRoute': {'match': {'prefix': prefix}, 'action': {
        'weightedTargets': [{'virtualNode': node, 'weight': 1}]}}}


def gateway_route_spec(service, prefix='/'):
    return {'httpRoute': {'match': {'prefix': prefix}, 'action': {
        'target': {'virtualService': {'virtualServiceName': service}}}}}


ROUTER = {'provider': {'virtualRouter': {'virtualRouterName': 'r'}}}


class Mesh:
    """"a" reaches b.local (router r, node b) and later.local (not there);
    "other" has nothing to do with them."""

    def __init__(self, **kw):
        self.cp = ControlPlane(**kw).start()
        self.put(['meshes'], meshName='m', spec={})
        for name, backends in (('a', ['b.local', 'later.local']), ('b', []),
                               ('c', []), ('other', [])):
            self.add('virtualNodes', 'virtualNodeName', name,
                     node_spec(name, backends))
        self.add('virtualRouters', 'virtualRouterName', 'r',
                 {'listeners': [LISTENER]})
        self.add('virtualRouters', 'virtualRouterName', 'r2',
                 {'listeners': [LISTENER]})
        self.route('all', route_spec('b'))
        self.route('all', route_spec('other'), router='r2')
        self.add('virtualServices', 'virtualServiceName', 'b.local', ROUTER)

    def put(self, where, **body):
        answer = self.cp.put(uri(*where), body)
        if answer.status != 200:
            raise RuntimeError('%r: %r' % (where, answer))
        return answer.body

    def add(self, kind, member, name, spec):
        return self.put(['meshes', 'm', kind], **{member: name, 'spec': spec})

    def route(self, name, spec, router='r'):
        return self.put(['meshes', 'm', 'virtualRouter', router, 'routes'],
                        routeName=name, spec=spec)

    def update(self, *where, spec):
        return self.put(['meshes', 'm'] + list(where), spec=spec)

    def delete(self, *where):
        answer = self.cp.delete(uri('meshes', 'm', *where))
        if answer.status != 200:
            raise RuntimeError('%r: %r' % (where, answer))

    def document(self, where, **headers):
        return self.cp.get(where, headers={k.replace('_', '-'): v
                                           for k, v in headers.items()})

    def etag(self, where=path('a')):
        return self.cp.get(where).headers['ETag']

    def waiting(self):
        body = self.cp.get('/mesh/v1/meshes/m/proxies').body
        return sum(p['waiting'] for p in body['proxies'])


class Watcher(threading.Thread):
    """One request that waits, over a connection of its own."""

    count = 0

    def __init__(self, mesh, where=path('a'), seconds=60, known=None):
        super().__init__(daemon=True)
        Watcher.count += 1
        self.mesh, self.where, self.seconds = mesh, where, seconds
        self.known = known or mesh.etag(where)
        self.id = 'watcher-%d' % Watcher.count
        self.answer = self.ended = None
        self.start()

    def run(self):
        c = self.mesh.cp.connection(self.seconds + 30)
        try:
            self.answer = self.mesh.cp.call(
                'GET', self.where, connection=c,
                headers={'If-None-Match': self.known, 'Mesh-Proxy-Id': self.id,
                         'Prefer': 'wait=%d' % self.seconds})
        except (OSError, http.client.HTTPException) as e:
            self.answer = e
        self.ended = time.monotonic()
        c.close()

    def status(self):
        self.join(30 * SLOW)
        return getattr(self.answer, 'status', self.answer)


def watchers(mesh, n=1, **kw):
    """As many as there are, and all are held."""
    before = mesh.waiting()
    found = [Watcher(mesh, **kw) for _ in range(n)]
    if not wait(lambda: mesh.waiting() == before + n):
        raise RuntimeError('%d are held, not %d' % (mesh.waiting(),
                                                    before + n))
    return found


def finish(mesh):
    tap.ok(mesh.cp.stop(), 'nginx ends')
    tap.same(mesh.cp.bad(), [], 'no alerts')


def names(document, kind, member):
    return [x[member] for x in document[kind]]


def content():
    m = Mesh(workers=2)
    answer = m.document(path('a'))
    version = answer.body.pop('version')

    tap.same(answer.body, {
        'meshDocument': 1, 'mesh': {'meshName': 'm', 'spec': {}},
        'virtualServices': [{'virtualServiceName': 'b.local', 'spec': ROUTER}],
        'virtualRouters': [{'virtualRouterName': 'r',
                            'spec': {'listeners': [LISTENER]}}],
        'routes': [{'virtualRouterName': 'r', 'routeName': 'all',
                    'spec': route_spec('b')}],
        'virtualNodes': [
            {'virtualNodeName': 'a',
             'spec': node_spec('a', ['b.local', 'later.local'])},
            {'virtualNodeName': 'b', 'spec': node_spec('b')}],
        'virtualGateways': [], 'gatewayRoutes': []}, 'what a node needs')
    tap.same(answer.headers['ETag'], '"%s"' % version, 'ETag is the version')
    tap.ok(answer.headers['Mesh-Revision'].rpartition(':')[2].isdigit(),
           'a revision', answer.headers['Mesh-Revision'])

    gateway = {'listeners': [LISTENER]}
    m.add('virtualGateways', 'virtualGatewayName', 'g', gateway)
    where = path('g', 'virtualGateways')
    tap.same(names(m.document(where).body, 'virtualNodes', 'virtualNodeName'),
             [], 'a gateway without routes needs nobody')
    m.put(['meshes', 'm', 'virtualGateway', 'g', 'gatewayRoutes'],
          gatewayRouteName='x', spec=gateway_route_spec('b.local'))
    body = m.document(where).body
    del body['version']
    tap.same(body, {
        'meshDocument': 1, 'mesh': {'meshName': 'm', 'spec': {}},
        'virtualServices': [{'virtualServiceName': 'b.local', 'spec': ROUTER}],
        'virtualRouters': [{'virtualRouterName': 'r',
                            'spec': {'listeners': [LISTENER]}}],
        'routes': [{'virtualRouterName': 'r', 'routeName': 'all',
                    'spec': route_spec('b')}],
        'virtualNodes': [{'virtualNodeName': 'b', 'spec': node_spec('b')}],
        'virtualGateways': [{'virtualGatewayName': 'g', 'spec': gateway}],
        'gatewayRoutes': [{'virtualGatewayName': 'g', 'gatewayRouteName': 'x',
                           'spec': gateway_route_spec('b.local')}]},
             'what a gateway needs')

    # conditional requests
    etag = answer.headers['ETag']
    tap.same(m.document(path('a'), If_None_Match=etag).status, 304,
             'a version that is known')
    tap.same(m.document(path('a'), If_None_Match='"x"').status, 200,
             'one that is not')
    tap.same(m.document(path('a'), If_None_Match='"x"',
                        Prefer='wait=30').status, 200, 'it is not waited for')
    tap.same(m.document(path('nobody'), If_None_Match=etag,
                        Prefer='wait=30').status, 404, 'no such node')
    tap.same(m.document(path('a').replace('/m/', '/x/')).status, 404,
             'no such mesh')
    tap.same(m.cp.get('/ready').body, {'state': 'LIVE'}, 'ready')

    # workers and restarts have the same
    etags = set()
    for _ in range(20):
        c = m.cp.connection()
        etags.add(m.cp.call('GET', path('a'), connection=c).headers['ETag'])
        c.close()
    tap.same(etags, {etag}, 'all workers have one version')
    tap.ok(m.cp.stop(), 'it ends')
    m.cp.start()
    tap.same(m.etag(), etag, 'after a restart too')
    finish(m)


def loadable():
    """A real sidecar takes them."""
    m = Mesh(workers=1)
    m.add('virtualGateways', 'virtualGatewayName', 'g',
          {'listeners': [LISTENER]})
    m.put(['meshes', 'm', 'virtualGateway', 'g', 'gatewayRoutes'],
          gatewayRouteName='x', spec=gateway_route_spec('b.local'))
    for resource, where in (('virtualNode/a', path('a')),
                            ('virtualNode/b', path('b')),
                            ('virtualGateway/g',
                             path('g', 'virtualGateways'))):
        text = m.cp.get(where).data
        s = Sidecar(text.decode(), resource=resource, workers=1).start()
        tap.ok(s.at(json.loads(text)['version']),
               'the document of %s is in force' % resource, s.errors(5))
        s.stop()
    finish(m)


def wakes():
    m = Mesh(workers=2)

    changes = [
        ('its own node', lambda: m.update(
            'virtualNodes', 'a', spec=node_spec('a', ['b.local',
                                                      'later.local'], 81))),
        ('a service that was created', lambda: m.add(
            'virtualServices', 'virtualServiceName', 'later.local', {})),
        ('another provider', lambda: m.update(
            'virtualServices', 'later.local', spec={'provider': {
                'virtualNode': {'virtualNodeName': 'c'}}})),
        ('listeners of a node behind it', lambda: m.update(
            'virtualNodes', 'c', spec=node_spec('c', port=82))),
        ('a route that was added', lambda: m.route(
            'more', route_spec('b', '/c'))),
        ('a route that was changed', lambda: m.update(
            'virtualRouter', 'r', 'routes', 'more',
            spec=route_spec('b', '/d'))),
        ('a route that was deleted', lambda: m.delete(
            'virtualRouter', 'r', 'routes', 'more')),
        ('the egress filter of the mesh', lambda: m.update(
            spec={'egressFilter': {'type': 'ALLOW_ALL'}})),
        ('a service that was deleted', lambda: m.delete(
            'virtualServices', 'later.local'))]

    for what, change in changes:
        # over many connections, so that workers are different ones
        ws = watchers(m, 4)
        change()
        tap.same([w.status() for w in ws], [200] * 4, 'woken by ' + what)
        tap.same({w.answer.headers['ETag'] for w in ws}, {m.etag()},
                 'with what is there')

    ws = watchers(m, 2, where=path('other'))
    m.delete('virtualRouter', 'r2', 'routes', 'all')
    m.delete('virtualNodes', 'other')
    tap.same([w.status() for w in ws], [404] * 2, 'its node was deleted')
    tap.same(m.waiting(), 0, 'nobody is held')
    finish(m)


def sleeps():
    m = Mesh(workers=2)
    start = time.monotonic()
    ws = watchers(m, 2, seconds=6)
    m.update('virtualNodes', 'other', spec=node_spec('other', port=83))
    m.add('virtualNodes', 'virtualNodeName', 'new', node_spec('new'))
    m.route('second', route_spec('other', '/x'), router='r2')
    arn = m.cp.get(uri('meshes', 'm', 'virtualNodes', 'a')) \
        .body['metadata']['arn']
    tap.same(m.cp.put(uri('tag', resourceArn=arn), {
        'tags': [{'key': 'k', 'value': 'v'}]}).status, 200, 'a tag')
    # the same again is another version of the resource, not of the document
    m.update('virtualRouter', 'r', 'routes', 'all', spec=route_spec('b'))
    tap.same([w.status() for w in ws], [304] * 2, 'none of that wakes')
    tap.ok(min(w.ended for w in ws) - start > 5.9, 'but the end of the wait')
    tap.same(ws[0].answer.headers['Preference-Applied'], 'wait=6',
             'which the answer tells')
    tap.ok(ws[0].answer.headers['Mesh-Revision'].endswith(':%d' % m_revision(m)),
           'it is of the newest revision', ws[0].answer.headers)
    finish(m)


def m_revision(m):
    return int(m.document(path('a')).headers['Mesh-Revision']
               .rpartition(':')[2])


def longest():
    m = Mesh(workers=1, location='mesh_max_wait 1s;')
    start = time.monotonic()
    w = Watcher(m, seconds=30)
    tap.same(w.status(), 304, 'a wait that is too long is cut')
    tap.ok(time.monotonic() - start < 15 * SLOW, 'to the longest')
    tap.same(w.answer.headers['Preference-Applied'], 'wait=1',
             'which is told')
    finish(m)


def proxies():
    m = Mesh(workers=2)
    etag = m.etag().strip('"')
    for i in range(5):
        m.document(path('ab'[i % 2]), Mesh_Proxy_Id='p%d' % i,
                   Mesh_Applied=etag, Mesh_Rejected='v9; routes[0]: no\t"x"')
    body = m.cp.get('/mesh/v1/meshes/m/proxies').body
    tap.same([(p['resource'], p['proxyId']) for p in body['proxies']],
             [('virtualNode/a', 'p0'), ('virtualNode/a', 'p2'),
              ('virtualNode/a', 'p4'), ('virtualNode/b', 'p1'),
              ('virtualNode/b', 'p3')], 'in order')
    p = body['proxies'][0]
    tap.same((p['applied'], p['rejected'], p['address'], p['waiting']),
             (etag, {'version': 'v9', 'reason': 'routes[0]: no?"x"'},
              '127.0.0.1', 0), 'what it told')
    tap.same((p['current'], body['proxies'][3]['current']), (True, False),
             'who runs what it was given')

    found, token = [], None
    while True:
        page = m.cp.get('/mesh/v1/meshes/m/proxies?limit=2'
                        + ('&nextToken=' + token if token else '')).body
        found += [p['proxyId'] for p in page['proxies']]
        token = page.get('nextToken')
        if not token:
            break
    tap.same(found, ['p0', 'p2', 'p4', 'p1', 'p3'], 'by pages')
    tap.same([m.cp.get('/mesh/v1/meshes/m/proxies?' + q).status for q in
              ('limit=0', 'limit=x', 'nextToken=!', 'nextToken=AAAA')],
             [400] * 4, 'bad pages')
    tap.same(m.cp.get('/mesh/v1/meshes/x/proxies').status, 404, 'no mesh')
    finish(m)


def refused():
    """Names that cannot be are told so, as everywhere in the API."""
    m = Mesh()
    for target, member in (('a%2Fb/virtualNodes/a', 'meshName'),
                           ('m/virtualNodes/a%2Fb', 'virtualNodeName'),
                           ('m/virtualGateways/a%01', 'virtualGatewayName'),
                           ('m/virtualNodes/' + 'x' * 256, 'virtualNodeName'),
                           ('m/virtualNodes/a', 'meshOwner')):
        answer = m.cp.get('/mesh/v1/meshes/%s/document%s' % (
            target, '?meshOwner=1%2F2' * (member == 'meshOwner')))
        tap.ok(answer.error == 'BadRequestException'
               and "at '%s'" % member in answer.message,
               'refused: %.30s' % target, answer)
    finish(m)


def gone():
    """Clients that go away are noticed."""
    m = Mesh(workers=1)
    etag = m.etag()
    socks = []
    for i in range(20):
        s = socket.create_connection(('127.0.0.1', m.cp.port))
        s.sendall(('GET %s HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n'
                   'Prefer: wait=60\r\nMesh-Proxy-Id: g%d\r\n\r\n'
                   % (path('a'), etag, i)).encode())
        socks.append(s)
    tap.ok(wait(lambda: m.waiting() == 20), '20 wait')
    for s in socks[:10]:
        s.close()
    tap.ok(wait(lambda: m.waiting() == 10), '10 went')
    m.update('virtualRouter', 'r', 'routes', 'all', spec=route_spec('c'))
    tap.ok(all(b' 200 ' in s.recv(64) for s in socks[10:]),
           'the others are answered')
    for s in socks[10:]:
        s.close()
    finish(m)


def deaf():
    """A watcher that never reads its answer keeps nobody."""
    m = Mesh(workers=1, more_http='send_timeout 1s;')
    big = {'httpRoute': dict(route_spec('b')['httpRoute'], match={
        'prefix': '/', 'headers': [{'name': 'h%d' % i, 'match': {
            'exact': 'x' * 250}} for i in range(10)]})}
    for i in range(60):
        m.route('big%d' % i, big)
    etag = m.etag()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect(('127.0.0.1', m.cp.port))
    # many answers on one connection, none of which is read
    s.sendall(('GET %s HTTP/1.1\r\nHost: x\r\n\r\n' % path('a')).encode()
              * 100)
    w, = watchers(m, 1, known=etag)
    m.update('virtualRouter', 'r', 'routes', 'all', spec=route_spec('c'))
    tap.same(w.status(), 200, 'others are woken')
    tap.ok(m.cp.logged(r'client timed out'),
           'it is given up')
    s.close()
    finish(m)


def streams():
    """Many requests are held on one connection of HTTP/2."""
    m = Mesh(workers=1, http2=True)
    c = h2.Client(m.cp.port2)
    held = [c.open(path(name), [('if-none-match', m.etag(path(name))),
                                ('prefer', 'wait=60'),
                                ('mesh-proxy-id', 'h%s%d' % (name, i))],
                   method='GET', end=True)
            for i in range(3) for name in 'abc']
    tap.ok(wait(lambda: m.waiting() == 9), '9 streams wait')
    c.h2.reset_stream(held[0])
    c.flush()
    tap.ok(wait(lambda: m.waiting() == 8), 'one was reset')
    m.update('virtualRouter', 'r', 'routes', 'all',
             spec=route_spec('b', '/x'))
    tap.same([c.until(n).header(':status') for n in (held[3], held[6])],
             ['200', '200'], 'those of one document are woken')
    tap.same(m.waiting(), 6, 'the others are held')
    c.close()
    tap.ok(wait(lambda: m.waiting() == 0), 'until the connection goes')
    finish(m)


def killed():
    m = Mesh(workers=2)
    ws = watchers(m, 20)
    pid = m.cp.worker_pids()[0]
    m.cp.send(signal.SIGKILL, pid)
    m.cp.starts += 1                    # this thread's connection may be its
    tap.ok(wait(lambda: not alive(pid) and len(m.cp.worker_pids()) == 2),
           'a worker was replaced')
    tap.ok(wait(lambda: m.waiting() == sum(w.ended is None for w in ws)),
           'what it held is not counted', m.waiting())
    held = [w for w in ws if w.ended is None]
    m.update('virtualRouter', 'r', 'routes', 'all', spec=route_spec('c'))
    tap.same({w.status() for w in held} or {200}, {200},
             'those of the other worker are woken')
    tap.ok(m.cp.stop(), 'nginx ends')


def reload():
    m = Mesh(workers=2)
    ws = watchers(m, 10)
    start = time.monotonic()
    tap.ok(m.cp.reload(), 'reloaded')
    tap.same([w.status() for w in ws], [304] * 10, 'who waited is answered')
    tap.ok(max(w.ended for w in ws) - start < 5 * SLOW, 'soon')
    tap.ok(wait(lambda: m.waiting() == 0), 'nobody is held')
    w, = watchers(m)
    m.update('virtualRouter', 'r', 'routes', 'all', spec=route_spec('c'))
    tap.same(w.status(), 200, 'new workers wake')
    finish(m)


def many():
    """A thousand watchers of a hundred documents."""
    m = Mesh(workers=2)
    for i in range(100):
        m.add('virtualNodes', 'virtualNodeName', 'n%d' % i,
              node_spec('n%d' % i, ['b.local']))
    etags = [m.etag(path('n%d' % i)) for i in range(100)]
    socks = []
    for i in range(1000):
        s = socket.create_connection(('127.0.0.1', m.cp.port))
        s.sendall(('GET %s HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n'
                   'Prefer: wait=100\r\nMesh-Proxy-Id: p%d\r\n\r\n'
                   % (path('n%d' % (i % 100)), etags[i % 100], i)).encode())
        s.settimeout(30 * SLOW)
        socks.append(s)

    def held():
        n, token = 0, ''
        while True:
            page = m.cp.get('/mesh/v1/meshes/m/proxies' + token).body
            n += sum(p['waiting'] for p in page['proxies'])
            if 'nextToken' not in page:
                return n
            token = '?nextToken=' + page['nextToken']

    tap.ok(wait(lambda: held() == 1000, 30, 0.2), 'all are held', held())
    m.update('virtualRouter', 'r', 'routes', 'all', spec=route_spec('c'))
    tap.same(sum(b' 200 ' in s.recv(4096) for s in socks), 1000,
             'all are woken by one change')
    for s in socks:
        s.close()
    finish(m)


tap.run(content, loadable, wakes, sleeps, longest, proxies, refused, gone,
        deaf, streams, killed, reload, many)
