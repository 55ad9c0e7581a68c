"""From the API's answer to a change until it is in force: in three sidecars,
and at a thousand proxies that wait for it."""

import time

import control_client as client
import stats

PART = 'change'
SIDECARS = 3
UPDATES = 200
WATCHERS = 1000
WAVES = 20
ROUTE = client.API + '/bench/virtualRouter/r/routes/all'


def build(plane, clients):
    """r splits the service s over two nodes; "clients" nodes use it."""
    client.new_mesh(plane, 'bench')
    c = plane.client(8)
    try:
        c.all([client.create('bench', 'Node', n, client.node_spec())
               for n in ('a', 'b')])
        c.all([client.create('bench', 'Router', 'r', client.router_spec())])
        c.all([client.create('bench', 'Route', 'all', weights(0), 'r')])
        c.all([client.create('bench', 'Service', 's', client.service_spec('r'))])
        c.all([client.create('bench', 'Node', 'c%d' % n,
                             client.node_spec(['s'])) for n in range(clients)])
    finally:
        c.close()


def weights(n):
    n = n % 100 + 1
    return client.route_spec({'a': n, 'b': 100 - n})


def in_sidecars(bench, make, sidecars):
    """Milliseconds until each sidecar, and until the last one, had it."""
    each, last = [], []
    with make(bench) as plane:
        build(plane, 1)
        c = plane.client()
        with sidecars(bench, plane, 'mesh/bench/virtualNode/c0',
                      SIDECARS) as all_:
            for n in range(1, (20 if bench.quick else UPDATES) + 1):
                was = [s.version() for s in all_]
                c.put(ROUTE, {'spec': weights(n)})
                answered = time.monotonic()
                waiting = dict(enumerate(all_))
                while waiting:
                    for i, sidecar in list(waiting.items()):
                        if sidecar.version() != was[i]:
                            each.append(time.monotonic() - answered)
                            del waiting[i]
                    if time.monotonic() > answered + 30:
                        raise RuntimeError('a change is not in force in 30 s')
                last.append(each[-1])
                time.sleep(.02)
        c.close()
    return {'updates': len(last), 'each_ms': quantiles(each),
            'last_ms': quantiles(last)}


def at_watchers(bench, make, workers):
    """The same until the new document was received."""
    when, last = [], []
    with make(bench, workers=workers) as plane:
        build(plane, WATCHERS)
        c = plane.client()
        watchers = client.Watchers(plane.port,
                                   [('bench', 'c%d' % n)
                                    for n in range(WATCHERS)])
        try:
            for n in range(1, (3 if bench.quick else WAVES) + 1):
                watchers.wait()
                time.sleep(.5)
                c.put(ROUTE, {'spec': weights(n)})
                answered = time.monotonic()
                received = [w - answered for w in watchers.woken()]
                when += received
                last.append(max(received))
        finally:
            watchers.close()
            c.close()
    return {'watchers': WATCHERS, 'waves': len(last), 'workers': workers,
            'each_ms': quantiles(when), 'last_ms': quantiles(last)}


def quantiles(seconds):
    return {'p50': 1e3 * stats.quantile(seconds, .5),
            'p99': 1e3 * stats.quantile(seconds, .99),
            'max': 1e3 * max(seconds)}


def run(bench, make, sidecars, results):
    out = results['change'] = {}
    with bench.attempt('control', PART, 'sidecars'):
        out['sidecars'] = in_sidecars(bench, make, sidecars)
    with bench.attempt('control', PART, 'watchers'):
        out['watchers'] = at_watchers(bench, make, 2)
