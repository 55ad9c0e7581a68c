#!/usr/bin/env python3

"""The published App Mesh examples by way of the API: their resources are
created in the order in which the examples do it, each update of theirs is
made, and sidecars that follow this control plane carry the traffic that they
describe.  Skipped where the examples are not; a mesh of our own goes the same
way everywhere.

A node is where its host name says, which is an address here, at the port of
its listener.
"""

import collections
import copy
import itertools
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

import mesh_fixtures                                             # noqa: E402
import mesh_h2                                                   # noqa: E402

from mesh_control import ControlPlane, uri                       # noqa: E402
from mesh_test import (ROOT, Backend, Sidecar, free_port,         # noqa: E402
                       listen_http2, reply, request, tap, wait)

# list of a document, the name in it, and its parent, in order of creation
KINDS = (('virtualNodes', 'virtualNodeName', None),
         ('virtualRouters', 'virtualRouterName', None),
         ('routes', 'routeName', 'virtualRouterName'),
         ('virtualServices', 'virtualServiceName', None),
         ('virtualGateways', 'virtualGatewayName', None),
         ('gatewayRoutes', 'gatewayRouteName', 'virtualGatewayName'))

# one for each node, of whatever mesh: the ports are those of the examples
ADDRESSES = ('127.0.%d.%d' % (i // 250 + 1, i % 250 + 1)
             for i in itertools.count())


class Mesh:
    """A document's resources as a mesh of a control plane of its own."""

    def __init__(self, doc):
        self.doc = doc
        self.name = doc['mesh']['meshName']
        self.cp = ControlPlane().start()
        self.addresses = {}
        self.services = [s['virtualServiceName']
                         for s in doc['virtualServices']]

    def placed(self, node):
        """A node's spec, with an address for a host name."""
        name = node['virtualNodeName']
        if name not in self.addresses:
            self.addresses[name] = next(ADDRESSES)
        return dict(node['spec'], serviceDiscovery={
            'dns': {'hostname': self.addresses[name]}})

    def collection(self, kind, parent, r):
        where = ['meshes', self.name]
        if parent:
            where += [parent[:-len('Name')], r[parent]]
        return where + [kind]

    def spec(self, kind, r):
        return self.placed(r) if kind == 'virtualNodes' else r['spec']

    def create(self):
        """Whether all of it was taken"""
        answers = [self.cp.put(uri('meshes'), self.doc['mesh'])]
        for kind, name, parent in KINDS:
            for r in self.doc.get(kind, []):
                answers.append(self.cp.create(
                    *self.collection(kind, parent, r),
                    **{name: r[name], 'spec': self.spec(kind, r)}))
        answers.append(self.cp.create(
            'meshes', self.name, 'virtualNodes', virtualNodeName='client',
            spec={'backends': [{'virtualService': {'virtualServiceName': s}}
                               for s in self.services]}))
        refused = [a.message for a in answers if a.status != 200]
        return tap.same(refused, [], '%s: %d resources created'
                        % (self.name, len(answers)))

    def update(self, kind, name, parent, r):
        return self.cp.put(uri(*self.collection(kind, parent, r), r[name]),
                           {'spec': self.spec(kind, r)})

    def document(self, resource='virtualNode/client'):
        kind, name = resource.split('/')
        return self.cp.get('/mesh/v1/meshes/%s/%ss/%s/document' % (
            self.name, kind, name)).body


class Follower(Sidecar):
    """A sidecar of a mesh with another name than "m"."""

    def __init__(self, mesh, resource='virtualNode/client', ports=(), more='',
                 **kw):
        self.of, self.what = mesh, resource
        self.ports = {port: free_port() for port in ports}
        super().__init__(
            control_plane=mesh.cp.url, resource='mesh/%s/%s' % (mesh.name,
                                                                resource),
            http=''.join('server { listen 127.0.0.1:%d; location / { '
                         'mesh_pass egress port=%d; } }' % (at, port)
                         for port, at in self.ports.items()) + more, **kw)

    def write(self):
        super().write()
        with open(self.path('nginx.conf')) as f:
            text = f.read()
        with open(self.path('nginx.conf'), 'w') as f:
            f.write(text.replace('mesh m {', 'mesh %s {' % self.of.name, 1))

    def current(self):
        """Until the document of now is in force."""
        want = self.of.document(self.what)['version']
        return tap.ok(self.at(want), '%s: %s has it' % (self.of.name,
                                                        self.what),
                      self.errors(3))


def named(name):
    """The set of examples of that name, and its first document."""
    for what, paths in mesh_fixtures.sets():
        if what == name:
            examples = mesh_fixtures.Set(what, paths)
            return examples, next(iter(examples.documents()))[1]
    return None, None


def backends(mesh):
    """A server for each listener that answers who it is and what it got."""
    for node in mesh.doc['virtualNodes']:
        name = node['virtualNodeName']
        for listener in node['spec']['listeners']:
            port = listener['portMapping']['port']
            if listener['portMapping']['protocol'] == 'http':
                Backend(name, lambda r, name=name, port=port: reply(
                    '%s:%d %s' % (name, port, r.path)),
                    host=mesh.addresses[name], port=port)
            elif mesh_h2.AVAILABLE:
                def answer(call, name=name, port=port):
                    call.respond([(':status', '200')])
                    call.send(('%s:%d %s' % (name, port, call.path)).encode(),
                              end=True)
                mesh_h2.Server(answer, host=mesh.addresses[name], port=port)


def tally(ask, times):
    seen = collections.Counter()
    for _ in range(times):
        r = ask()
        seen[r.text.split(' ')[0] if r.status == 200 else r.status] += 1
    return dict(seen)


def replayed():
    """Every file of every set: created, or an update of what was created."""
    files = 0
    for name, paths in mesh_fixtures.sets():
        examples = mesh_fixtures.Set(name, paths)
        documents = [doc for _, doc, _ in examples.documents()]
        mesh = Mesh(documents[0])
        mesh.create()
        n = Follower(mesh).start()
        n.current()
        for doc in documents[1:]:
            for kind, what, parent in KINDS:
                base = {(r.get(parent), r[what]): r
                        for r in documents[0].get(kind, [])}
                for r in doc.get(kind, []):
                    old = base.get((r.get(parent), r[what]))
                    if old == r:
                        continue
                    if old is None:         # is only referred to from here on
                        mesh.cp.create(*mesh.collection(kind, parent, r),
                                       **{what: r[what],
                                          'spec': mesh.spec(kind, r)})
                        continue
                    answer = mesh.update(kind, what, parent, r)
                    tap.ok(answer.status == 200, '%s: %s updated' %
                           (doc['version'], r[what]), answer)
        n.current()
        files += len(paths)
        tap.same(n.info()['config'].get('rejected'), None,
                 '%s: nothing was refused by a proxy' % name)
        tap.same(mesh.cp.bad() + n.bad(), [], 'nothing bad is logged')
        n.kill()
        mesh.cp.kill()
    tap.say('%d files' % files)
    if not files:
        tap.skip('the App Mesh examples', 'they are not here, see MESH_SHARED')


def start(name, ports=(), serve=backends, **kw):
    """A mesh of examples with its servers and a proxy that knows it."""
    examples, doc = named(name)
    if doc is None:
        tap.skip(name, 'the App Mesh examples are not here, see MESH_SHARED')
        return None, None, None
    mesh = Mesh(doc)
    if not mesh.create():
        return None, None, None
    serve(mesh)
    n = Follower(mesh, ports=ports, **kw).start()
    n.current()
    return examples, mesh, n


def rewrite():
    """The gateway's routes are updated as the example says; a proxy that is
    the gateway has each of them.  What traffic there is yet goes from node to
    node: the route that is updated last takes other paths."""
    examples, mesh, n = start('howto-match-and-rewrite-at-ingress')
    if n is None:
        return
    gateway = Follower(mesh, 'virtualGateway/colorgateway-vg').start()
    gateway.current()

    for variant in examples.variants['gr', 'colorgateway-route-1'][1:]:
        answer = mesh.update(*KINDS[5], variant.body)
        tap.ok(answer.status == 200, variant.stem, answer)
        gateway.current()
        tap.ok(variant.body['spec'] in
               [r['spec'] for r in mesh.document(gateway.what)
                ['gatewayRoutes']], 'the gateway has it')

    def get(path):
        r = n.get(path, host='colorteller-1.example.local')
        return r.text if r.status == 200 else r.status

    tap.same(get('/tell'), 'colorteller-red-vn:9080 /tell', '/tell')
    tap.same(get('/red/tell'), 404, 'not /red/tell')
    for variant in examples.variants['route', 'colorteller-route-1'][1:]:
        answer = mesh.update(*KINDS[2], variant.body)
        tap.ok(answer.status == 200, variant.stem, answer)
        n.current()
        tap.same((get('/tell'), get('/red/tell')),
                 (404, 'colorteller-red-vn:9080 /red/tell'),
                 'is the other way round')


def listeners():
    """Ports of routers, of services and of nodes."""
    _, mesh, n = start('howto-multiple-listeners', ports=(3333, 4444, 7777))
    if n is None:
        return
    for port, service, want in ((3333, 'foodteller', 'foodteller-vn:5555'),
                                (4444, 'foodteller', 'foodteller-vn:6666'),
                                (7777, 'colorteller', 'colorteller-vn:7777')):
        r = request(n.ports[port], host=service + '.example.local')
        tap.same(r.text.split(' ')[0], want, '%s:%d' % (service, port))
    tap.same(request(n.ports[7777], host='foodteller.example.local').status,
             404, 'foodteller:7777')
    Follower(mesh, 'virtualGateway/tellergateway-vg').start().current()


def two_services(name, services):
    _, _, n = start(name)
    if n is None:
        return
    for host, nodes in services.items():
        if nodes and not mesh_h2.AVAILABLE and 'black' in nodes[0]:
            tap.skip(host, 'no python3-h2')
            continue
        got = tally(lambda: n.get('/tell', host=host + '.example.local'), 40)
        tap.same(sorted(got), sorted('colorteller-%s-vn:9080' % c
                                     for c in nodes),
                 '%s: %s' % (name, ', '.join(nodes)))
        tap.same(n.get('/x', host=host + '.example.local').status, 404,
                 'and no other path')
    tap.same(n.get('/tell', host='other.local').status, 404, 'no other host')


def circuit_breakers():
    two_services('howto-circuit-breakers', {'colorteller-1': ['white'],
                                            'colorteller-2': ['black']})


def ingress_gateway():
    two_services('howto-ingress-gateway',
                 {'colorteller-1': ['white', 'blue'],
                  'colorteller-2': ['black', 'red']})


def headers():
    """Priority 1, and a header that has to begin so."""
    _, _, n = start('howto-http-headers')
    if n is None:
        return
    for value, want in (('redorgreencolor', 200), ('green', 404)):
        tap.same(n.get(host='color-router.example.local',
                       headers={'color_header': value}).status, want,
                 'color_header: ' + value)


def grpc():
    examples, mesh, n = start('howto-grpc', serve=grpc_server)
    if n is None:
        return
    if not mesh_h2.AVAILABLE:
        tap.skip('howto-grpc', 'no python3-h2')
        return
    port = free_port()
    n.kill()
    n = Follower(mesh, more='server { %s location / { mesh_pass egress port='
                 '8080; } }' % listen_http2('127.0.0.1:%d' % port)).start()
    for variant in examples.variants['route', 'route']:
        mesh.update(*KINDS[2], variant.body)
        n.current()
        c = mesh_h2.Client(port)
        host = 'virtual-router.example.local'
        good = c.call('/color.ColorService/GetColor', b'x', host=host)
        bad = c.call('/color.Other/GetColor', b'x', host=host)
        tap.same((good.trailer('grpc-status'), bad.header('grpc-status')),
                 ('0', '12'), variant.stem)
        c.close()


def grpc_server(mesh):
    if mesh_h2.AVAILABLE:
        mesh_h2.Server(mesh_h2.grpc_answer,
                       host=mesh.addresses['color_server'], port=8080)


def weights():
    """Traffic moves as routes are updated, by one call each."""
    examples, mesh, n = start('howto-http2')
    if n is None:
        return
    if not mesh_h2.AVAILABLE:
        tap.skip('howto-http2', 'no python3-h2')
        return
    colors = ('red', 'blue', 'green')
    for color in colors[1:]:
        node = copy.deepcopy(mesh.doc['virtualNodes'][0])
        node['virtualNodeName'] = 'color_server-' + color
        mesh.doc['virtualNodes'].append(node)
        answer = mesh.cp.create('meshes', mesh.name, 'virtualNodes',
                                virtualNodeName=node['virtualNodeName'],
                                spec=mesh.placed(node))
        tap.ok(answer.status == 200, 'a node for ' + color, answer)
    mesh.doc['virtualNodes'] = mesh.doc['virtualNodes'][1:]
    backends(mesh)
    for variant in examples.variants['route', 'route']:
        want = {'color_server-%s:8080' % c for c in colors
                if c in variant.stem}
        tap.same(mesh.update(*KINDS[2], variant.body).status, 200,
                 variant.stem)
        n.current()
        got = tally(lambda: n.get(host='virtual-router.example.local'), 60)
        tap.same(set(got), want, 'leads to %s' % ', '.join(sorted(want)))


def ordering():
    """Our own example, wherever the others are not."""
    with open(ROOT + '/conf/examples/ordering.json') as f:
        doc = json.load(f)
    mesh = Mesh(doc)
    mesh.create()
    backends(mesh)
    n = Follower(mesh, 'virtualNode/order').start()
    n.current()

    def share(host='inventory.ordering.local'):
        return tally(lambda: n.get(host=host), 100)

    got = share()
    tap.ok(got.get('inventory-v1:8080', 0) > 70
           and sum(got.values()) == got.get('inventory-v1:8080', 0)
           + got.get('inventory-v2:8080', 0), 'nine of ten', got)
    tap.same(share('order.ordering.local'), {404: 100}, 'is no backend')

    route = json.loads(json.dumps(doc['routes'][0]))
    targets = route['spec']['httpRoute']['action']['weightedTargets']
    targets[0]['weight'], targets[1]['weight'] = 0, 1
    mesh.update(*KINDS[2], route)
    tap.ok(wait(lambda: set(tally(lambda: n.get(
        host='inventory.ordering.local'), 5)) == {'inventory-v2:8080'}),
        'all of it after the update', n.errors(3))
    tap.same(mesh.cp.bad() + n.bad(), [], 'nothing bad is logged')


tap.run(ordering, replayed, rewrite, listeners, circuit_breakers,
        ingress_gateway, headers, grpc, weights)
