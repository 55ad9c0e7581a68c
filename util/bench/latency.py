"""Latency at a rate far below what the proxy can do.

1,000 requests a second over 16 connections, 1 kB answers: the recipe Istio
publishes its sidecar's latency for, on loopback and without TLS.
"""

import load
import proxies
import shapes
import stats

SECTION = 'latency'
TITLE = 'Latency at 1,000 requests/s'
RATE = 1000
CONNECTIONS = 16
CONTESTANTS = ('direct', 'nginx', 'mesh', 'haproxy', 'envoy')


def sample(proxy, bench):
    cut = 0.5       # connections are made, caches fill
    with load.ConstantRate(proxy, RATE, bench.seconds + 1, bench.cores.load,
                           CONNECTIONS) as client:
        rows = client.wait()
    first = min(r[0] for r in rows)
    rows = [r for r in rows if r[0] >= first + cut]
    values = [r[2] for r in rows]
    errors = sum(r[1] != 200 for r in rows)

    if errors:
        bench.warn('%s: %d errors at a constant rate' % (proxy.name, errors))

    return {'requests': len(rows), 'errors': errors,
            'p50_us': stats.quantile(values, .5),
            'p90_us': stats.quantile(values, .9),
            'p99_us': stats.quantile(values, .99)}


def run(bench, results):
    for n in range(bench.rounds):
        for name in CONTESTANTS:
            cls = proxies.PROXIES[name]
            if not bench.wants(SECTION, 'split', name) \
                    or not bench.available(cls):
                continue
            bench.progress(SECTION, n, 'split', name)
            with bench.attempt(SECTION, 'split', name), \
                    cls(shapes.split(bench.backend.ports),
                        bench.cores.proxy) as proxy:
                results.setdefault(name, []).append(sample(proxy, bench))
