"""The report's part on a large mesh."""

import stats
from tables import NONE, number, spread, table

LIMIT = 2           # times the p99 of a quiet phase
CONTROL = 1.5       # what two quiet phases may differ by
QUANTILES = (('p50_us', 2), ('p99_us', 2), ('p999_us', 2), ('max_us', 1))


def quiet(swap):
    return [p for p in swap['phases'] if not p['swaps']]


def swapped(swap):
    return [p for p in swap['phases'] if p['swaps']]


def slower(swap, key):
    """(median, least, greatest) of phases with swaps by the ones before."""

    return stats.summary([{key: b[key] / a[key]} for a, b in
                          zip(quiet(swap), swapped(swap))], key)


def apart(swap, key):
    """The same of quiet phases that follow each other, the larger by the
    smaller one, or None of a single phase."""

    phases = quiet(swap)
    return stats.summary([{key: max(a[key], b[key]) / min(a[key], b[key])}
                          for a, b in zip(phases, phases[1:])], key)


def times(s):
    if s is None:
        return NONE
    mid, low, high = ('%.2f' % v for v in s)
    return mid + '×' if low == high else '%s× (%s–%s)' % (mid, low, high)


def loading(samples):
    rows = [[title, spread(stats.summary(samples, key), scale, digits)]
            for title, key, scale, digits in (
                ('file replaced to in force, s', 'applied_s', 1, 2),
                ('CPU for it, s', 'cpu_s', 1, 2),
                ('start to ready with it, s', 'cold_s', 1, 2),
                ('PSS with a small document, MB', 'small_kb', 1/1024, 1),
                ('PSS with this document, MB', 'large_kb', 1/1024, 1),
                ('largest RSS of a process, MB', 'peak_kb', 1/1024, 1))]
    return [table(['loading', ''], rows), '']


def swaps(s):
    rows = []
    for title, phases in (('quiet', quiet(s)), ('a swap every 2 s',
                                                swapped(s))):
        rows.append([title, len(phases),
                     number(sum(p['requests'] for p in phases)),
                     number(sum(p['errors'] for p in phases))]
                    + [spread(stats.summary(phases, key), 1e-3, digits)
                       for key, digits in QUANTILES])
    for title, ratio in (('slower with swaps', slower),
                         ('two quiet ones differ', apart)):
        rows.append([title, NONE, NONE, NONE]
                    + [times(ratio(s, key)) for key, _ in QUANTILES])
    return ['%d swaps at %s requests/s; median, least and greatest of '
            'phases\n' % (len(s['applied_s']), number(s['rate'])),
            table(['', 'phases', 'requests', 'errors', 'p50, ms', 'p99, ms',
                   'p99.9, ms', 'max, ms'], rows),
            '\nPSS %s MB before, %s MB after.\n'
            % (number(s['before_kb'] / 1024, 1),
               number(s['after_kb'] / 1024, 1))]


def section(results):
    out = []

    for r in results.get('large', {}).values():
        out += ['**%s nodes, %s endpoints, a client with %s backends** '
                '(document of %s kB)\n'
                % (number(r['nodes']), number(r['endpoints']),
                   number(r['backends']), number(r['document_kb']))]
        out += loading(r['load'])
        if r.get('swap'):
            out += swaps(r['swap'])
    return out


def targets(results):
    out = []

    for r in results.get('large', {}).values():
        what = '100,000 endpoints (client with %s backends)' \
            % number(r['backends'])
        s = stats.summary(r['load'], 'applied_s')
        out.append((what + ': loaded', '≤ 2 s', '%.2f s' % s[0],
                    'PASS' if s[0] <= 2 else 'MISS'))
        if not r.get('swap'):
            continue

        ratio = slower(r['swap'], 'p99_us')
        error = apart(r['swap'], 'p99_us')
        verdict = 'PASS' if ratio[0] <= LIMIT else 'MISS'
        if error and error[0] > CONTROL:
            verdict = 'OPEN'
        out.append((what + ': p99 while swapped', '≤ 2×', times(ratio),
                    verdict))

        errors = r['swap']['errors']
        out.append((what + ': failed requests', '0', str(errors),
                    'PASS' if errors == 0 else 'MISS'))
    return out
