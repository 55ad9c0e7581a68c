"""The plot of docs/benchmarks.md: an SVG, written by hand."""

import proxies
import rate
import shapes
import stats

COLORS = {'nginx': '#8c8c8c', 'mesh': '#0072b2', 'haproxy': '#e69f00',
          'envoy': '#cc79a7'}
WIDTH = 860
LEFT = 210              # where bars begin
RIGHT = 90              # room for their numbers
BAR, GAP = 15, 14
INK, FAINT = '#222222', '#dddddd'


class Canvas:
    def __init__(self):
        self.y = 12
        self.parts = []

    def text(self, x, y, text, size=12, anchor='start', color=INK, bold=False):
        text = text.replace('&', '&amp;').replace('<', '&lt;')
        self.parts.append(
            '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" '
            'fill="%s"%s>%s</text>'
            % (x, y, size, anchor, color,
               ' font-weight="bold"' if bold else '', text))

    def rect(self, x, y, w, h, color):
        self.parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" '
                          'fill="%s"/>' % (x, y, w, h, color))

    def line(self, points, color, width=1.0, dash=''):
        self.parts.append(
            '<polyline points="%s" fill="none" stroke="%s" stroke-width="%g"'
            '%s/>' % (' '.join('%.1f,%.1f' % p for p in points), color, width,
                      ' stroke-dasharray="%s"' % dash if dash else ''))

    def title(self, text, note=''):
        self.y += 24
        self.text(16, self.y, text, 15, bold=True)
        if note:
            self.text(WIDTH - 16, self.y, note, 11, 'end', '#666666')
        self.y += 14

    def render(self):
        return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" '
                'height="%d" viewBox="0 0 %d %d" font-family="Helvetica, '
                'Arial, sans-serif">\n<rect width="100%%" height="100%%" '
                'fill="#ffffff"/>\n%s\n</svg>\n'
                % (WIDTH, self.y + 12, WIDTH, self.y + 12,
                   '\n'.join(self.parts)))


def bars(canvas, groups, digits=0):
    """groups: [(label, [(proxy, (median, least, greatest))])]"""

    values = [s[2] for _, group in groups for _, s in group]
    scale = (WIDTH - LEFT - RIGHT) / (max(values) or 1)

    for label, group in groups:
        height = BAR * len(group)
        middle = canvas.y + height / 2 + 4
        words = wrap(label, 30)
        for i, line in enumerate(words):
            canvas.text(LEFT - 10, middle + 14 * (i - (len(words) - 1) / 2),
                        line, 12, 'end')
        for name, (mid, low, high) in group:
            y = canvas.y
            canvas.rect(LEFT, y + 1, mid * scale, BAR - 2, COLORS[name])
            if high > low:
                canvas.line([(LEFT + low * scale, y + BAR / 2),
                             (LEFT + high * scale, y + BAR / 2)], INK, 1)
            canvas.text(LEFT + high * scale + 6, y + BAR - 3,
                        '{:,.{}f}'.format(mid, digits), 11)
            canvas.y += BAR
        canvas.y += GAP


def wrap(text, width):
    lines = ['']
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append('')
        lines[-1] = (lines[-1] + ' ' + word).strip()
    return lines


def legend(canvas, names):
    x = 16
    canvas.y += 16
    for name in names:
        title = proxies.PROXIES[name].title
        canvas.rect(x, canvas.y - 10, 11, 11, COLORS[name])
        canvas.text(x + 16, canvas.y, title)
        x += 16 + 8 * len(title) + 24


def by_shape(results, key):
    groups = []
    for shape in rate.CONTESTANTS:
        group = []
        for name in COLORS:
            samples = results.get('rate', {}).get(shape, {}).get(name)
            s = stats.summary(samples, key) if samples else None
            if s:
                group.append((name, s))
        if group:
            groups.append((shapes.SHAPES[shape]((1, 2)).title, group))
    return groups


def swaps(canvas, swap):
    """p99 of each second, phase by phase."""

    series = [(p['swaps'], p['windows_us']) for p in swap['phases']]
    values = [v for _, w in series for v in w]
    quiet = stats.median([p['p99_us'] for p in swap['phases']
                          if not p['swaps']])
    top, bottom, left = canvas.y + 16, canvas.y + 146, 64
    x_scale = (WIDTH - left - 24) / max(1, len(values))
    limit = 2 * quiet
    y_scale = (bottom - top) / max(max(values), limit)

    canvas.line([(left, bottom), (WIDTH - 24, bottom)], INK)
    for value, below in ((quiet, 8), (limit, 0)):
        y = bottom - value * y_scale
        canvas.line([(left, y), (WIDTH - 24, y)], FAINT, 1, '4 3')
        canvas.text(left - 8, y + below, '%.2f ms' % (value / 1e3), 11, 'end')

    n = 0
    for swapped, window in series:
        x = left + n * x_scale
        canvas.text(x + 4, bottom + 16,
                    'swaps' if swapped else 'quiet', 11)
        if n:
            canvas.line([(x, top), (x, bottom)], FAINT)
        for i, value in enumerate(window):
            h = value * y_scale
            canvas.rect(x + i * x_scale + 1, bottom - h, x_scale - 2, h,
                        COLORS['mesh'] if swapped else '#9ecae1')
        n += len(window)
    canvas.y = int(bottom + 24)


def draw(results):
    """The SVG, or an empty string if there is nothing to show."""

    canvas = Canvas()
    rates = by_shape(results, 'rps')
    if rates:
        names = [n for n in COLORS
                 if any(n == name for _, g in rates for name, _ in g)]
        legend(canvas, names)
        canvas.title('Requests per second',
                     'one worker on one core; median and range')
        bars(canvas, rates)
        canvas.title('CPU per request, µs')
        bars(canvas, by_shape(results, 'cpu_us'), 1)

    memory = results.get('memory', {}).get('backends')
    if memory:
        if not rates:
            legend(canvas, [n for n in COLORS if n in memory])
        canvas.title('Resident memory, MB',
                     'PSS of all processes after some load')
        group = [(n, (memory[n]['loaded']['pss'] / 1024,) * 3)
                 for n in COLORS if n in memory]
        bars(canvas, [(shapes.backends((1, 2)).title, group)], 1)

    for r in results.get('large', {}).values():
        if r.get('swap'):
            canvas.title('p99 of each second, and documents of 100,000 '
                         'endpoints swapped', 'lines: a quiet phase, twice '
                         'that')
            swaps(canvas, r['swap'])
            break

    return canvas.render() if canvas.parts else ''
