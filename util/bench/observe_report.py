"""The report's part on metrics, traces and logs."""

import stats
from observe import VARIANTS
from tables import NONE, number, percent, table

# (variant, what the target says)
TARGETS = (('metrics', 'metrics on against off'),
           ('xray-5', 'X-Ray at 5 % against tracing off'),
           ('json', 'JSON access log against none'))
LIMIT = 3       # percent


def ratio(samples, key):
    """(median, lower and upper quartile) of what the pairs say."""

    values = [s['own'][key] / s['base'][key] for s in samples]
    return stats.median(values), stats.quantile(values, .25), \
        stats.quantile(values, .75)


def middle(samples, key):
    return stats.median([s['own'][key] for s in samples])


def bound(samples):
    return all(s[who]['proxy_share'] >= 90
               for s in samples for who in ('own', 'base'))


def restless(same):
    """Whether chance alone moves the medians as far as the targets."""

    return same and any(abs(ratio(same['samples'], key)[0] - 1) > LIMIT / 100
                        for key in ('rps', 'cpu_us'))


def told(name, all_):
    """What reached the daemon, the collector or the file."""

    v, out = VARIANTS[name], []
    n = sum(t['requests'] for t in all_)
    if v.sink:
        out.append('%.2f %% traced' % (100 * sum(t['traces'] for t in all_)
                                       / n))
    if v.log is not None:
        out.append('%s lines' % number(sum(t['lines'] for t in all_)))
    return ', '.join(out) or NONE


def costs(results):
    out, rows, starred = [], [], False

    for name, r in results.get('pairs', {}).items():
        v, samples = VARIANTS[name], r['samples']
        full = bound(samples)
        starred = starred or not full
        rows.append([v.title + ('' if full else ' *'),
                     NONE if v.base == 'default' else VARIANTS[v.base].title,
                     len(samples),
                     number(middle(samples, 'rps')),
                     percent(ratio(samples, 'rps')),
                     number(middle(samples, 'cpu_us'), 1),
                     percent(ratio(samples, 'cpu_us')),
                     '%.0f %%' % middle(samples, 'proxy_share'),
                     told(name, r['told'])])
    if rows:
        out += ['Against the default, or what the second column says; in '
                'brackets the quartiles.\n',
                table(['', 'against', 'pairs', 'requests/s', '',
                       'CPU µs/request', '', 'proxy', 'told'], rows), '']
    if restless(results.get('pairs', {}).get('same')):
        out += ['Two that are equal differ by more than a target allows: the '
                'machine was not quiet enough for a verdict.', '']
    if starred:
        out += ['\\* the proxy was not the bottleneck; compare CPU per '
                'request.', '']
    return out


def instructions(results):
    data = results.get('instructions', {})

    def more(name, base):
        if base not in data or name == base:
            return NONE
        return '%+.1f %%' % (100 * (data[name]['instructions']
                                    / data[base]['instructions'] - 1))

    rows = [[VARIANTS[name].title, number(r['instructions']),
             more(name, 'off'), more(name, 'default'),
             '%.2f %%' % (100 * r['traces'] / r['requests'])
             if VARIANTS[name].sink else NONE]
            for name, r in data.items()]
    if not rows:
        return []
    return [table(['', 'instructions', 'against all off',
                   'against the default', 'traced'], rows), '']


def section(results):
    data = results.get('observe', {})
    return costs(data) + instructions(data)


def targets(results):
    out = []
    for key, what, limit in (('rps', 'requests/s', -LIMIT),
                             ('cpu_us', 'CPU/request', LIMIT)):
        for name, title in TARGETS:
            r = results.get('observe', {}).get('pairs', {}).get(name)
            if not r:
                continue
            d = ratio(r['samples'], key)
            more = 100 * (d[0] - 1)
            met = more >= limit if limit < 0 else more <= limit
            out.append(('%s, %s' % (what, title), '%s %+d %%'
                        % ('≥' if limit < 0 else '≤', limit), percent(d),
                        'PASS' if met else 'MISS'))
    return out
