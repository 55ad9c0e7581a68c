"""What it costs to have resilience configured: requests a second and instructions
for one, with nothing in the specs and with all there is (time limits, a retry
policy, health checks, outlier detection, a connection pool), in both
directions.  Nothing of it has anything to do.
"""

import instructions
import proxies
import rate
import shapes
import system

SECTION = 'resilience'
TITLE = 'Resilience configured'

# (row of the report, shape, who)
ROWS = (('nginx', 'one', proxies.Nginx),
        ('egress', 'one', proxies.Mesh),
        ('egress, configured', 'resilient', proxies.Mesh),
        ('ingress', 'one', proxies.Ingress),
        ('ingress, configured', 'resilient', proxies.Ingress))


def wanted(bench):
    return [r for r in ROWS if bench.wants(SECTION, r[1], r[2].name)
            and bench.available(r[2])]


def rates(bench, results):
    for n in range(bench.rounds):
        for row, shape, cls in wanted(bench):
            bench.progress(SECTION, n, row)
            with bench.attempt(SECTION, row), \
                    cls(shapes.SHAPES[shape](bench.backend.ports),
                        bench.cores.proxy) as proxy:
                results.setdefault('rate', {}).setdefault(row, []) \
                    .append(rate.sample(proxy, bench))


def counts(bench, results):
    try:
        proxies.program('valgrind')
    except system.Skip as skip:
        bench.warn('%s: %s' % (SECTION, skip))
        return

    n = bench.callgrind_requests
    for row, shape, cls in wanted(bench):
        bench.progress(SECTION, 0, row, 'instructions')
        made = shapes.SHAPES[shape](bench.backend.ports)
        with bench.attempt(SECTION, row):
            short = instructions.total(cls, made, n, bench)
            long = instructions.total(cls, made, 2 * n, bench)
            results.setdefault('instructions', {})[row] = (long - short) / n


def run(bench, results):
    rates(bench, results)
    counts(bench, results)
