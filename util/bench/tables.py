"""Numbers and tables as Markdown."""

NONE = '–'


def number(value, digits=0):
    return NONE if value is None else '{:,.{}f}'.format(value, digits)


def spread(s, scale=1, digits=0):
    """median (least–greatest)"""

    if s is None:
        return NONE
    mid, low, high = (number(v * scale, digits) for v in s)
    return mid if low == high else '%s (%s–%s)' % (mid, low, high)


def percent(r):
    """A ratio as a difference in percent, with its range."""

    if r is None:
        return NONE
    mid, low, high = ('%+.1f' % (100 * (v - 1)) for v in r)
    return '%s %%' % mid if low == high else '%s %% (%s–%s)' % (mid, low, high)


def table(head, rows):
    """A Markdown table that reads well as plain text too."""

    rows = [[str(c) for c in row] for row in rows]
    width = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]

    def line(row):
        cells = [c.ljust(w) if i == 0 else c.rjust(w)
                 for i, (c, w) in enumerate(zip(row, width))]
        return '| ' + ' | '.join(cells) + ' |'

    rule = ['-' * (w + 2) if i == 0 else '-' * (w + 1) + ':'
            for i, w in enumerate(width)]
    return '\n'.join([line(head), '|' + '|'.join(rule) + '|']
                     + [line(r) for r in rows])
