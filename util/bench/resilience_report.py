"""Resilience's parts of the report."""

import stats
from tables import NONE, number, percent, spread, table


def configured(results):
    data = results.get('resilience', {})
    rates, counts = data.get('rate', {}), data.get('instructions', {})
    rows = []

    for row in dict.fromkeys([*rates, *counts]):
        samples = rates.get(row, [])
        base = counts.get('nginx')
        more = 100 * (counts[row] / base - 1) if base and row in counts \
            else None
        rows.append([row, spread(stats.summary(samples, 'rps')),
                     spread(stats.summary(samples, 'cpu_us'), 1, 1),
                     number(counts.get(row)),
                     NONE if more is None else '%+.1f %%' % more])
    if not rows:
        return []
    return [table(['', 'requests/s', 'CPU µs/request', 'instructions',
                   'against nginx'], rows), '']


def brownout(results):
    rows = [[number(r['offered']), name,
             '%s, %.0f %% of the capacity' % (number(r['good']), share(r)),
             number(r['refused']), number(r['late'])]
            for name, runs in results.get('brownout', {}).items()
            for r in runs]
    if not rows:
        return []
    return [table(['offered/s', '', 'answered in time/s', 'refused/s',
                   'too late/s'], rows), '']


def share(r):
    return 100 * r['good'] / r['capacity']


def targets(results):
    out = []

    def add(what, target, text, met):
        out.append((what, target, text, 'PASS' if met else 'MISS'))

    data = results.get('resilience', {})
    for row in ('egress, configured', 'ingress, configured'):
        what = row.split(',')[0] + ' with resilience configured, against nginx'
        counts = data.get('instructions', {})
        if row in counts and 'nginx' in counts:
            d = counts[row] / counts['nginx']
            add('instructions, ' + what, '≤ +5 %', percent((d, d, d)),
                d <= 1.05)

    for r in results.get('brownout', {}).get('with limits', []):
        if r['factor'] > 1:
            add('answered in time at twice the capacity, with limits',
                '≥ 90 % of it', '%.0f %%' % share(r), share(r) >= 90)
    return out
