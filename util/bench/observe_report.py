"""The report's part on metrics, traces and logs."""

import abreast_report
import pairs
from observe import VARIANTS
from tables import NONE, number, percent, table

# (variant, what the target says)
TARGETS = (('metrics', 'metrics on against off'),
           ('xray-5', 'X-Ray at 5 % against tracing off'),
           ('json', 'JSON access log against none'))
LIMIT = 3       # percent


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
    data, rows = results.get('pairs', {}), []

    for name, r in data.items():
        v, samples = VARIANTS[name], r['samples']
        rows.append([v.title + abreast_report.mark(samples),
                     NONE if v.base == 'default' else VARIANTS[v.base].title]
                    + abreast_report.cells(samples) + [told(name, r['told'])])
    if not rows:
        return []
    return ['Against the default, or what the second column says.  %s\n'
            % abreast_report.SHARED,
            table(['', 'against'] + abreast_report.COLUMNS + ['told'], rows),
            ''] + abreast_report.notes({name: r['samples']
                                        for name, r in data.items()})


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
    out, data = [], results.get('observe', {}).get('pairs', {})
    control = data.get('same', {}).get('samples')

    for key, what, limit in (('rps', 'requests/s', -LIMIT),
                             ('cpu_us', 'CPU/request', LIMIT)):
        for name, title in TARGETS:
            if name not in data:
                continue
            samples = data[name]['samples']
            d = pairs.ratio(samples, key)
            more = 100 * (d[0] - 1)
            met = more >= limit if limit < 0 else more <= limit
            out.append(('%s, %s' % (what, title), '%s %+d %%'
                        % ('≥' if limit < 0 else '≤', limit), percent(d),
                        abreast_report.verdict(met, key, samples, control)))
    return out
