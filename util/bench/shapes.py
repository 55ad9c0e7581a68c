"""The route tables that are compared, in a form that no proxy owns.

A shape is a few services, the nodes behind them and the one request that is
sent.  documents.py and proxies.py write the same shape in each proxy's words.
"""

from dataclasses import dataclass, field


@dataclass
class Match:
    """What a route asks for; every given criterion must hold."""

    prefix: str = None
    regex: str = None
    headers: list = field(default_factory=list)     # (name, kind, value)


@dataclass
class Route:
    match: Match
    targets: list                                   # (node name, weight)


@dataclass
class Service:
    name: str
    routes: list


@dataclass
class Shape:
    name: str
    title: str
    services: list
    nodes: dict                                     # name -> [(ip, port)]
    host: str
    path: str
    expected: list                                  # nodes that may answer
    headers: dict = field(default_factory=dict)
    resilient: bool = False         # nginx mesh: with all that documents can say


def one(ports):
    """One service, one route, one node: what a plain proxy_pass does."""

    return Shape('one', 'one route, one target',
                 [Service('colors.bench.local',
                          [Route(Match('/'), [('blue', 1)])])],
                 {'blue': [('127.0.0.1', ports[0])]},
                 'colors.bench.local', '/', ['blue'])


def resilient(ports):
    """The same with time limits, retries, health checks, outlier detection and
    a connection pool; none of it has anything to do."""

    shape = one(ports)
    shape.name = 'resilient'
    shape.title = 'one route, one target, resilience configured'
    shape.resilient = True
    return shape


def split(ports):
    """One route that splits 50/50 between two nodes."""

    return Shape('split', 'one route, two targets 50/50',
                 [Service('colors.bench.local',
                          [Route(Match('/'), [('blue', 50), ('green', 50)])])],
                 {'blue': [('127.0.0.1', ports[0])],
                  'green': [('127.0.0.1', ports[1])]},
                 'colors.bench.local', '/', ['blue', 'green'])


def many(ports, services=100, routes=50):
    """Many services with many prefix routes; the last route is hit."""

    nodes = {}
    table = []

    for s in range(services):
        node = 'node-%03d' % s
        nodes[node] = [('127.0.0.1', ports[s % 2])]
        table.append(Service('service-%03d.bench.local' % s,
                             [Route(Match('/area/r%02d/' % r), [(node, 1)])
                              for r in range(routes)]))

    return Shape('many', '%d services, %d routes each' % (services, routes),
                 table, nodes, 'service-%03d.bench.local' % (services // 2),
                 '/area/r%02d/item' % (routes - 1),
                 ['node-%03d' % (services // 2)])


HEADERS = [
    ('x-bench-tenant', 'exact', 'acme', 'acme'),
    ('x-bench-stage', 'exact', 'canary', 'canary'),
    ('x-bench-user', 'prefix', 'user-', 'user-4711'),
    ('x-bench-client', 'prefix', 'mobile/', 'mobile/ios/17.2'),
    ('x-bench-zone', 'suffix', '-1a', 'eu-central-1a'),
    ('x-bench-build', 'suffix', '-release', '20.4.1-release'),
    ('x-bench-version', 'regex', 'v[0-9]+\\.[0-9]+', 'v12.7'),
    ('x-bench-session', 'regex', '[0-9a-f]{8}-[0-9a-f]{4}', '0badcafe-77aa'),
    ('x-bench-language', 'regex', '(de|en|fr)(-[A-Z]{2})?', 'de-AT'),
    ('x-bench-region', 'regex', '[a-z]+-[a-z]+-[0-9]', 'eu-central-1'),
]


def headers(ports):
    """A route with ten header matches before a route for the rest."""

    wanted = [(name, kind, value) for name, kind, value, _ in HEADERS]

    return Shape('headers', 'one route with 10 header matches',
                 [Service('colors.bench.local',
                          [Route(Match('/', headers=wanted), [('blue', 1)]),
                           Route(Match('/'), [('green', 1)])])],
                 {'blue': [('127.0.0.1', ports[0])],
                  'green': [('127.0.0.1', ports[1])]},
                 'colors.bench.local', '/', ['blue'],
                 {name: sent for name, _, _, sent in HEADERS})


def regex(ports):
    """Ten routes on a regular expression of the path; the last is hit."""

    return Shape('regex', '10 path regex routes, the last is hit',
                 [Service('colors.bench.local',
                          [Route(Match(regex='/shop%d/[a-z]+/[0-9]+' % r),
                                 [('blue' if r == 9 else 'green', 1)])
                           for r in range(10)])],
                 {'blue': [('127.0.0.1', ports[0])],
                  'green': [('127.0.0.1', ports[1])]},
                 'colors.bench.local', '/shop9/orders/815',
                 ['blue'])


def backends(ports, count=50):
    """A sidecar of usual size: 50 backends, each with two endpoints."""

    nodes = {}
    table = []

    for s in range(count):
        node = 'node-%03d' % s
        nodes[node] = [('127.0.0.1', ports[0]), ('127.0.0.1', ports[1])]
        table.append(Service('service-%03d.bench.local' % s,
                             [Route(Match('/'), [(node, 1)])]))

    return Shape('backends', '%d backends, two endpoints each' % count,
                 table, nodes, 'service-000.bench.local', '/',
                 ['node-000'])


def large(ports):
    """What is asked of the large documents; documents.py writes those."""

    return Shape('large', 'a large mesh', [],
                 {'node-00000': [('127.0.0.1', ports[0])],
                  'node-00001': [('127.0.0.1', ports[1])]},
                 'service-00000.bench.local', '/',
                 ['node-00000', 'node-00001'])


SHAPES = {f.__name__: f for f in (one, split, many, headers, regex,
                                  backends, resilient)}
