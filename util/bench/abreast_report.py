"""The report's part on proxies side by side."""

import pairs
import shapes
from abreast import COMPARISONS
from tables import number, percent, table

LIMIT = .95         # of the requests/s
OPEN = 'OPEN'
RESTLESS = ('Two that are equal differ by more than %.1f %%: the machine was '
            'not quiet enough for a verdict.' % (100 * pairs.CONTROL))
SHARED = ('Both run at the same time and share the core, so each serves about '
          'half of what it does alone; in brackets the quartiles.')
STARRED = ('\\* the proxies were not the bottleneck: requests/s say nothing, '
           'compare CPU per request.')
COLUMNS = ['requests/s', 'of the other', 'more', 'CPU µs/request',
           'of the other', 'more', 'their core', 'load core']


def cells(samples):
    """What a row of such a table says, after its names."""

    out = []
    for key, digits in (('rps', 0), ('cpu_us', 1)):
        out += [number(pairs.middle(samples, who, key), digits)
                for who in ('own', 'base')]
        out.append(percent(pairs.ratio(samples, key)))
    return out + ['%.0f %%' % pairs.share(samples),
                  '%.0f %%' % pairs.load_core(samples)]


def verdict(met, key, samples, control):
    """None where the control pair says so, nor of requests/s where something
    else was the bottleneck: it then makes the slower proxy look better."""

    if control and pairs.restless(control):
        return OPEN
    if key == 'rps' and not pairs.full(samples):
        return OPEN
    return 'PASS' if met else 'MISS'


def notes(data):
    """What has to be said below the table; "data": the samples of each."""

    out = []
    if data.get('same') and pairs.restless(data['same']):
        out += [RESTLESS, '']
    if not all(map(pairs.full, data.values())):
        out += [STARRED, '']
    return out


def mark(samples):
    return '' if pairs.full(samples) else ' *'


def title(what):
    cls, shape = what
    direction = ', ingress' if getattr(cls, 'direction', '') == 'ingress' \
        else ''
    return '%s%s: %s' % (cls.title, direction,
                         shapes.SHAPES[shape]((1, 2)).title)


def section(results):
    data = results.get('abreast', {})
    rows = [[title(COMPARISONS[name].own) + mark(samples),
             title(COMPARISONS[name].base)] + cells(samples)
            for name, samples in data.items()]
    if not rows:
        return []
    return [SHARED + '\n', table(['', 'against'] + COLUMNS, rows), ''] \
        + notes(data)


def targets(results):
    out, data = [], results.get('abreast', {})

    for name, samples in data.items():
        what = COMPARISONS[name].target
        if what:
            d = pairs.ratio(samples, 'rps')
            out.append(('requests/s, ' + what, '≥ -5 %', percent(d),
                        verdict(d[0] >= LIMIT, 'rps', samples,
                                data.get('same'))))
    return out
