#!/usr/bin/env python3
"""Mesh documents (docs/architecture.md) for the benchmark.

Run by hand, it writes one to standard output:

    util/bench/documents.py NODES ENDPOINTS_EACH [BACKENDS]
"""

import json
import sys


CLIENT = 'client'
MESH = 'bench'


def seconds(n):
    return {'unit': 's', 'value': n}


# what a route and a listener can say about resilience, with limits that nothing
# reaches

TIMEOUT = {'perRequest': seconds(20), 'idle': seconds(60)}
RESILIENT_ROUTE = {
    'timeout': TIMEOUT,
    'retryPolicy': {'maxRetries': 3, 'perRetryTimeout': seconds(5),
                    'httpRetryEvents': ['server-error', 'client-error',
                                        'stream-error'],
                    'tcpRetryEvents': ['connection-error']}}
RESILIENT_LISTENER = {
    'timeout': {'http': TIMEOUT},
    'healthCheck': {'protocol': 'http', 'path': '/', 'intervalMillis': 300000,
                    'timeoutMillis': 5000, 'healthyThreshold': 2,
                    'unhealthyThreshold': 3},
    'outlierDetection': {'maxServerErrors': 5, 'interval': seconds(10),
                         'baseEjectionDuration': seconds(30),
                         'maxEjectionPercent': 50},
    'connectionPool': {'http': {'maxConnections': 1000,
                                'maxPendingRequests': 1000}}}


def listener(port):
    return {'portMapping': {'port': port, 'protocol': 'http'}}


def node(name, port, backends=()):
    spec = {'listeners': [listener(port)],
            'serviceDiscovery': {'dns': {'hostname': name + '.invalid'}}}

    if backends:
        spec['backends'] = [{'virtualService': {'virtualServiceName': b}}
                            for b in backends]

    return {'virtualNodeName': name, 'spec': spec}


def service(name, router):
    return {'virtualServiceName': name,
            'spec': {'provider': {'virtualRouter':
                                  {'virtualRouterName': router}}}}


def router(name):
    return {'virtualRouterName': name, 'spec': {'listeners': [listener(80)]}}


def route(of_router, name, match, targets):
    return {'virtualRouterName': of_router, 'routeName': name,
            'spec': {'httpRoute': {
                'match': match,
                'action': {'weightedTargets': [
                    {'virtualNode': n, 'weight': w} for n, w in targets]}}}}


def document(version):
    return {'meshDocument': 1, 'version': version,
            'mesh': {'meshName': MESH, 'spec': {}},
            'virtualServices': [], 'virtualRouters': [], 'routes': [],
            'virtualNodes': [], 'virtualGateways': [], 'gatewayRoutes': [],
            'endpoints': {}}


def _match(m):
    out = {'prefix': m.prefix} if m.prefix else {'path': {'regex': m.regex}}

    if m.headers:
        out['headers'] = [{'name': name, 'match': {kind: value}}
                          for name, kind, value in m.headers]
    return out


def of_shape(shape, version='1'):
    """The shape as a document; the client has every service as a backend, and
    is itself in front of what the first node is."""

    doc = document(version)

    first = next(iter(shape.nodes.values()))
    doc['virtualNodes'].append(node(CLIENT, first[0][1],
                                    [s.name for s in shape.services]))

    for name, endpoints in shape.nodes.items():
        doc['virtualNodes'].append(node(name, 8080))
        doc['endpoints'][name] = [{'ip': ip, 'port': port}
                                  for ip, port in endpoints]

    for i, s in enumerate(shape.services):
        name = 'router-%03d' % i
        doc['virtualServices'].append(service(s.name, name))
        doc['virtualRouters'].append(router(name))

        for j, r in enumerate(s.routes):
            doc['routes'].append(route(name, 'route-%02d' % j,
                                       _match(r.match), r.targets))
    if shape.resilient:
        for r in doc['routes']:
            r['spec']['httpRoute'].update(RESILIENT_ROUTE)
        for n in doc['virtualNodes']:
            n['spec']['listeners'][0].update(RESILIENT_LISTENER)
    return doc


def address(n):
    """The n-th address of 127.64.0.0/10, where only loopback is."""

    return '127.%d.%d.%d' % (64 + (n >> 16), (n >> 8) & 255, n & 255)


def large(nodes, endpoints, version='1', ports=(8081, 8082), backends=50,
          services=True):
    """A document of "nodes" nodes with "endpoints" endpoints each.

    Two nodes share a service with one 50/50 route, and the client has the
    first "backends" services; theirs are the endpoints that really answer.
    Without "services" there is one service, and nodes that nothing leads to.
    """

    doc = document(version)
    pairs = max(nodes // 2, 1)
    names = ['service-%05d.bench.local' % i
             for i in range(pairs if services else 1)]

    doc['virtualNodes'].append(node(CLIENT, 8080, names[:backends]))

    for i in range(nodes):
        name = 'node-%05d' % i
        live = i < 2 * backends
        doc['virtualNodes'].append(node(name, 8080))
        doc['endpoints'][name] = [
            {'ip': '127.0.0.%d' % (j % 250 + 1) if live
             else address(i * endpoints + j),
             'port': ports[i % 2]}
            for j in range(endpoints)]

    for i, name in enumerate(names):
        doc['virtualServices'].append(service(name, 'router-%05d' % i))
        doc['virtualRouters'].append(router('router-%05d' % i))
        doc['routes'].append(
            route('router-%05d' % i, 'all', {'prefix': '/'},
                  [('node-%05d' % (2 * i), 50),
                   ('node-%05d' % min(2 * i + 1, nodes - 1), 50)]))
    return doc


def write(path, doc):
    with open(path, 'w') as f:
        json.dump(doc, f, separators=(',', ':'))
        f.write('\n')


if __name__ == '__main__':
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)

    json.dump(large(*map(int, sys.argv[1:3]),
                    backends=int((sys.argv + ['50'])[3])),
              sys.stdout, indent=1)
    print()
