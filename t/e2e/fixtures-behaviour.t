#!/usr/bin/env python3
#
# The published App Mesh examples as behaviour: documents are put together from
# their resources, endpoints are added, and requests arrive where the examples
# say that they do.  Skipped where the examples are not.

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

import mesh_h2

from mesh_test import (SHARED, Backend, Sidecar, document, endpoint, free_port,
                       listen_http2, reply, request, tap)

EXAMPLES = os.path.join(SHARED, 'fixtures', 'appmesh-examples')

if not SHARED or not os.path.isdir(EXAMPLES):
    tap.skip_all('the App Mesh examples are not here, see MESH_SHARED')


def load(name):
    """A resource; the examples have shell variables in place of values."""
    with open(os.path.join(EXAMPLES, name)) as f:
        text = f.read()
    return json.loads(re.sub(r'"?\$\{?\w+\}?"?', '"name.internal"', text))


def spec(name):
    return load(name)['spec']


def with_listeners(name, virtual_node):
    return dict({'virtualNodeName': name, 'spec': spec(virtual_node)})


def route(router, name, resource):
    return {'virtualRouterName': router, 'routeName': name,
            'spec': resource['spec']}


def answers(n, times, path='/', **kw):
    seen = {}
    for _ in range(times):
        r = n.get(path, **kw)
        text = r.text if r.status == 200 else str(r.status)
        seen[text] = seen.get(text, 0) + 1
    return seen


def http_headers():
    """Header matches and priorities; all routes have the prefix "/"."""
    colors = ['red', 'green', 'blue', 'yellow', 'white', 'purple']
    backends = {c: Backend(c) for c in colors}

    def color(name, priority, headers=(), **match):
        r = json.loads(json.dumps(red))
        r['routeName'] = 'color-route-' + name
        r['spec']['priority'] = priority
        m = r['spec']['httpRoute']['match']
        m.clear()
        m.update(match, prefix='/')
        if headers:
            m['headers'] = list(headers)
        r['spec']['httpRoute']['action']['weightedTargets'][0][
            'virtualNode'] = name + '-node'
        return r

    def header(**match):
        invert = match.pop('invert', None)
        h = {'name': 'color_header'}
        if match:
            h['match'] = match
        if invert:
            h['invert'] = True
        return h

    red = load('howto-http-headers/color-route.json')
    before = [
        color('green', 2, [header(regex='redor.*')]),
        color('red', 5, [header(prefix='redorgreen')]),
        color('blue', 900, [header(prefix='blue')], method='GET'),
        color('yellow', 990, [header(range={'start': 100, 'end': 150})]),
        color('white', 995, [header()]),
        color('purple', 1000, [header(invert=True)])]

    def doc(ver, routes):
        d = document(ver, {c + '-node': [b.port]
                           for c, b in backends.items()}, routes=routes)
        d['virtualRouters'][0]['virtualRouterName'] = 'color-router'
        d['virtualServices'][0]['spec']['provider']['virtualRouter'][
            'virtualRouterName'] = 'color-router'
        return d

    n = Sidecar(doc(1, before)).start()
    tap.ok(n.at('1'), 'howto-http-headers: taken', n.errors(3))

    def sent(value, method='GET'):
        fields = {} if value is None else {'color_header': value}
        return n.get(headers=fields, method=method).text

    for value, want in (('redorgreencolor', 'green'), ('redor', 'green'),
                        ('blue', 'blue'), ('bluish', 'white'),
                        ('blueish', 'blue'), ('100', 'yellow'),
                        ('149', 'yellow'), ('150', 'white'), ('99', 'white'),
                        ('other', 'white'), (None, 'purple')):
        tap.same(sent(value), want, 'color_header: %s' % value)
    tap.same(sent('blue', 'POST'), 'white', 'a method that does not match')

    n.put(doc(2, [red] + [r for r in before
                          if r['routeName'] != red['routeName']]))
    tap.ok(n.at('2'), 'the update of the example')
    tap.same(sent('redorgreencolor'), 'red', 'red is first now')
    tap.same(sent('redorother'), 'green', 'green still has the rest')


def retries():
    """Two routes of the same name: with a retry policy and without."""
    blue = Backend('blue')
    for i, name in enumerate(('blue-route', 'blue-route-no-retry')):
        r = load('howto-http-retries/%s.json' % name)
        d = document(i, {'blue-node': [blue.port]}, routes=[r])
        d['virtualRouters'][0]['virtualRouterName'] = r['virtualRouterName']
        d['virtualServices'][0]['spec']['provider']['virtualRouter'][
            'virtualRouterName'] = r['virtualRouterName']
        if i == 0:
            n = Sidecar(d).start()
        else:
            n.put(d)
        tap.ok(n.at(str(i)), 'howto-http-retries: %s is taken' % name,
               n.errors(3))
        tap.same(n.get().text, 'blue', 'and routes')


def http2():
    """Traffic is moved from red over red and blue to all three and to blue."""
    if not mesh_h2.AVAILABLE:
        tap.skip('howto-http2', 'no python3-h2')
        return

    def answer(name):
        def f(call):
            call.respond([(':status', '200')])
            call.send(name.encode(), end=True)
        return f

    colors = ['red', 'blue', 'green']
    servers = {'color_server-' + c: mesh_h2.Server(answer(c)) for c in colors}
    n = None

    for i, name in enumerate(('red', 'red-blue', 'red-blue-green', 'blue',
                              'red-retries')):
        r = load('howto-http2/mesh/route-%s.json' % name)
        d = document(i, {x: [s.port] for x, s in servers.items()},
                     protocol='http2', routes=[r])
        d['virtualRouters'][0]['virtualRouterName'] = r['virtualRouterName']
        d['virtualServices'][0]['spec']['provider']['virtualRouter'][
            'virtualRouterName'] = r['virtualRouterName']
        if n is None:
            n = Sidecar(d).start()
        else:
            n.put(d)
        tap.ok(n.at(str(i)), 'howto-http2: route-%s is taken' % name,
               n.errors(3))
        want = [c for c in colors if c in name]
        got = answers(n, 20 if len(want) == 1 else 480)
        share = sum(got.values()) / len(want)
        tap.ok(set(got) == set(want)
               and all(0.6 * share < v < 1.4 * share for v in got.values()),
               'goes to ' + ', '.join(want), got)


def multiple_listeners():
    """Router ports 3333 and 4444, node ports 5555 and 6666."""
    where = 'howto-multiple-listeners/mesh/'
    egress = {3333: free_port(), 4444: free_port()}

    # each endpoint belongs to the listener of its port, so these have to be
    # the ports of the example
    try:
        low = {5555: Backend('fruit', host='127.0.0.1', port=5555),
               6666: Backend('vegetable', host='127.0.0.1', port=6666)}
    except OSError:
        tap.skip('howto-multiple-listeners', 'ports 5555 and 6666 are in use')
        return

    vn = spec(where + 'foodteller-vn.json')
    for listener in vn['listeners']:
        tap.ok(listener['portMapping']['port'] in low, 'a port of the node')
    d = document(1, {}, routes=[
        route('foodteller-vr', 'fruit', load(where + 'fruit-route.json')),
        route('foodteller-vr', 'veg', load(where + 'vegetable-route.json'))])
    d['virtualRouters'] = [{'virtualRouterName': 'foodteller-vr',
                            'spec': spec(where + 'foodteller-vr.json')}]
    d['virtualServices'] = [{'virtualServiceName': 'food.local',
                             'spec': spec(where + 'foodteller-vs.json')}]
    d['virtualNodes'] = [with_listeners('foodteller-vn',
                                        where + 'foodteller-vn.json')]
    d['endpoints'] = {'foodteller-vn': [{'ip': '127.0.0.1'}]}

    n = Sidecar(d, http=''.join(
        'server { listen 127.0.0.1:%d; location / { mesh_pass egress port=%d;'
        ' } }' % (p, port) for port, p in egress.items())).start()
    tap.ok(n.at('1'), 'howto-multiple-listeners: taken', n.errors(3))
    tap.same(n.get('/', host='food.local:3333').text, 'fruit',
             '3333 is served by 5555')
    tap.same(n.get('/', host='food.local:4444').text, 'vegetable',
             '4444 is served by 6666')
    tap.same(n.get('/', host='food.local:5555').status, 404,
             'a port that the router does not have')

    for port, want in ((3333, 'fruit'), (4444, 'vegetable')):
        tap.same(request(egress[port], host='food.local').text, want,
                 'mesh_pass egress port=%d' % port)


def grpc():
    if not mesh_h2.AVAILABLE:
        tap.skip('howto-grpc', 'no python3-h2')
        return

    s = mesh_h2.Server(mesh_h2.grpc_answer)
    port = free_port()
    n = None
    for i, name in enumerate(('route-all-methods', 'route-retries', None)):
        if name:
            r = load('howto-grpc/mesh/%s.json' % name)
        else:                       # the first step of the example
            r['spec']['grpcRoute']['match']['methodName'] = 'GetColor'
        d = document(i, {'color_server': [s.port]}, protocol='grpc',
                     routes=[r])
        d['virtualRouters'][0]['virtualRouterName'] = r['virtualRouterName']
        d['virtualServices'][0]['spec']['provider']['virtualRouter'][
            'virtualRouterName'] = r['virtualRouterName']
        if n is None:
            n = Sidecar(d, http='server { %s location / { mesh_pass egress; }'
                        ' }' % listen_http2('127.0.0.1:%d' % port)).start()
        else:
            n.put(d)
        tap.ok(n.at(str(i)), 'howto-grpc: step %d is taken' % i, n.errors(3))
        c = mesh_h2.Client(port)
        r1 = c.call('/color.ColorService/GetColor', b'x')
        r2 = c.call('/color.ColorService/SetColor', b'x')
        r3 = c.call('/color.Other/GetColor', b'x')
        tap.same((r1.trailer('grpc-status'), r1.data),
                 ('0', mesh_h2.message(b'x')), 'GetColor')
        if name:
            tap.same(r2.trailer('grpc-status'), '0', 'SetColor')
        else:
            tap.same((r2.header('grpc-status'), r2.header(':status')),
                     ('12', '200'), 'SetColor is UNIMPLEMENTED')
        tap.same(r3.header('grpc-status'), '12',
                 'another service is UNIMPLEMENTED')
        c.close()


def two_services(example, paths):
    """Two virtual services, each with a router, a route and a node; where the
    example says nothing of a node, it is like its neighbour."""
    where = example + '/mesh/'
    d = document(1, {})
    d.update(virtualServices=[], virtualRouters=[], routes=[],
             virtualNodes=[], endpoints={})

    def answer(call):
        call.respond([(':status', '200')])
        call.send((call.header('x-number') or '').encode(), end=True)

    backend = Backend('b', lambda r: reply(r.header('X-Number') or ''))
    for i in (1, 2):
        vs = spec(where + 'colorteller-vs-%d.json' % i)
        router = vs['provider']['virtualRouter']['virtualRouterName']
        r = load(where + 'colorteller-route-%d.json' % i)
        kind, = [k for k in r['spec'] if k.endswith('Route')]
        for t in r['spec'][kind]['action']['weightedTargets']:
            target = t['virtualNode']
            vn = spec(where + target + '.json')
            d['virtualNodes'].append({'virtualNodeName': target, 'spec': vn})
            if vn['listeners'][0]['portMapping']['protocol'] == 'http':
                port = backend.port
            elif mesh_h2.AVAILABLE:
                port = mesh_h2.Server(answer).port
            else:
                tap.skip(example, 'no python3-h2')
                return
            d['endpoints'][target] = [endpoint(port)]
        d['virtualServices'].append(
            {'virtualServiceName': 's%d.local' % i, 'spec': vs})
        d['virtualRouters'].append(
            {'virtualRouterName': router,
             'spec': spec(where + 'colorteller-vr-%d.json' % i)})
        d['routes'].append(route(router, 'r', r))
    n = Sidecar(d).start()
    if not tap.ok(n.at('1'), example + ': taken',
                  n.page('/server_info').text):
        return
    for i in (1, 2):
        for path, good in paths:
            r = n.get(path, host='s%d.local' % i, headers={'X-Number': str(i)})
            tap.same((r.status, r.text), (200, str(i)) if good else (404, ''),
                     's%d.local%s' % (i, path))


def circuit_breakers():
    two_services('howto-circuit-breakers', [('/tell', True), ('/x', False)])


def ingress_gateway():
    two_services('howto-ingress-gateway', [('/tell', True)])


def rewrite():
    two_services('howto-match-and-rewrite-at-ingress', [('/tell', True)])


tap.run(http_headers, retries, http2, multiple_listeners, grpc,
        circuit_breakers, ingress_gateway, rewrite)
