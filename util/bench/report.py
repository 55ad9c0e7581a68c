"""Results as tables, verdicts and docs/benchmarks.md."""

import os

import abreast_report
import control_report
import large_report
import observe_report
import plot
import proxies
import rate
import resilience_report
import shapes
import stats
from tables import NONE, number, percent, spread, table

DOCS = os.path.join(proxies.ROOT, 'docs', 'benchmarks.md')
PLOT = os.path.join(proxies.ROOT, 'docs', 'benchmarks.svg')
BEGIN, END = '<!-- results: begin -->', '<!-- results: end -->'
TITLES = {c.name: c.title for c in proxies.PROXIES.values()}


def bound(samples):
    """Whether the proxy was what could do no more: it had all of a core."""

    return all(s['proxy_share'] is None or s['proxy_share'] >= 90
               for s in samples)


def shape_title(name):
    return shapes.SHAPES[name]((1, 2)).title


def throughput(results):
    out = []
    data = results.get('rate', {})
    head = ['', 'requests/s', 'p50, ms', 'p99, ms', 'CPU µs/request',
            'PSS, MB', 'proxy', 'its core', 'load core']

    def row(title, samples):
        whole = [stats.summary(samples, k) for k in
                 ('rps', 'p50_us', 'p99_us', 'cpu_us', 'pss', 'proxy_share',
                  'proxy_core', 'load_core')]
        cores = ['%.0f %%' % c[0] if c else NONE for c in whole[5:]]
        return [title, spread(whole[0]), spread(whole[1], 1e-3, 2),
                spread(whole[2], 1e-3, 2), spread(whole[3], 1, 1),
                number(whole[4] and whole[4][0] / 1024, 1)] + cores

    if 'direct' in data:
        samples = data['direct']['direct']
        out += ['**No proxy**: load and backend on their core alone\n',
                table(head, [row('', samples)]), '']

    for shape in rate.CONTESTANTS:
        if shape not in data:
            continue
        rows = []
        for name in rate.CONTESTANTS[shape]:
            samples = data[shape].get(name)
            if samples:
                mark = '' if bound(samples) else ' *'
                rows.append(row(TITLES[name] + mark, samples))
        out += ['**%s**\n' % shape_title(shape).capitalize(),
                table(head, rows), '']
        if any(r[0].endswith('*') for r in rows):
            out += ['\\* the proxy was not the bottleneck; compare CPU per '
                    'request.', '']
    return out


def latency(results):
    data = results.get('latency')
    if not data:
        return []

    rows = []
    direct = data.get('direct')
    for name, samples in data.items():
        row = [TITLES[name]]
        for key in ('p50_us', 'p90_us', 'p99_us'):
            s = stats.summary(samples, key)
            added = ''
            if direct and name != 'direct':
                base = stats.summary(direct, key)
                added = ', %+d' % (s[0] - base[0])
            row.append('%s%s' % (number(s[0]), added))
        rows.append(row)
    return [table(['', 'p50, µs', 'p90, µs', 'p99, µs'], rows), '']


def more(a, b):
    return '%+.1f %%' % (100 * (a / b - 1)) if a and b else NONE


def instructions(results):
    data = results.get('instructions')
    if not data:
        return []

    base = data.get('one', {}).get('nginx', {}).get('instructions')
    out = []
    for title, names in (('the same headers', ('nginx', 'mesh-bare')),
                         ('with Envoy\'s headers, the mesh\'s default',
                          ('nginx-headers', 'mesh'))):
        rows = []
        for shape, by in data.items():
            plain, mesh = (by.get(n, {}).get('instructions') for n in names)
            rows.append([shape_title(shape), number(plain), number(mesh),
                         more(mesh, plain), more(mesh, base)])
        out += [table([title, 'nginx', 'nginx mesh', 'more than this nginx',
                       'more than nginx without, one target'], rows), '']
    return out


def memory(results):
    data = results.get('memory', {})
    out = []

    if 'backends' in data:
        rows = []
        for name, m in data['backends'].items():
            rows.append([TITLES[name]]
                        + [number(m[when][key] / 1024, 1)
                           for when in ('idle', 'loaded')
                           for key in ('pss', 'rss')])
        out += ['**%s**, all processes of the proxy\n' % shape_title(
                    'backends').capitalize(),
                table(['', 'at start, PSS MB', 'largest process, RSS MB',
                       'after load, PSS MB', 'largest process, RSS MB'],
                      rows), '']

    if 'sizes' in data:
        rows = [[number(s['nodes']), number(s['endpoints']),
                 number(s['document']), number(s['worker']),
                 number(s['shared']), number(s['peak'])]
                for s in data['sizes'].values()]
        out += ['**What grows with the mesh**\n',
                table(['virtual nodes', 'endpoints', 'document, kB',
                       'worker, kB', 'shared, kB', 'worker at most, kB'],
                      rows), '']
        rows = [[title, number(data['worker'][key]),
                 number(data['shared'][key])]
                for title, key in (
                    ('a cluster (node with a listener)', 'cluster'),
                    ('an endpoint', 'endpoint'),
                    ('a service with router and route', 'service'))]
        out += [table(['', 'bytes a worker', 'bytes shared'], rows), '']
    return out


def targets(results):
    """[(what, target, measured, verdict)] of what was measured."""

    out = []

    def add(what, target, text, met):
        out.append((what, target, text, 'PASS' if met else 'MISS'))

    i = results.get('instructions', {})
    for name, base, what in (
            ('mesh-bare', 'nginx', 'against plain nginx'),
            ('mesh', 'nginx-headers', 'and Envoy\'s headers against nginx with '
             'these'),
            ('mesh', 'nginx', 'and Envoy\'s headers against nginx without '
             'these')):
        mesh = i.get('split', {}).get(name)
        plain = i.get('one', {}).get(base)
        if mesh and plain:
            d = mesh['instructions'] / plain['instructions']
            add('instructions, weight split ' + what, '≤ +5 %',
                percent((d, d, d)), d <= 1.05)

    m = results.get('memory', {})
    if 'mesh' in m.get('backends', {}):
        pss = m['backends']['mesh']['idle']['pss'] / 1024
        add('resident memory with 50 backends (PSS, all processes)',
            '≤ 10 MB', '%.1f MB' % pss, pss <= 10)
    if 'worker' in m:
        for key, limit in (('cluster', 1024), ('endpoint', 150)):
            v = m['worker'][key]
            add('memory per %s and worker' % key, '≤ %d B' % limit,
                '%d B' % v, v <= limit)

    return (abreast_report.targets(results) + out
            + large_report.targets(results)
            + resilience_report.targets(results)
            + observe_report.targets(results)
            + control_report.targets(results))


def machine(results):
    m = results['machine']
    o = results['options']
    versions = ', '.join('%s %s' % (TITLES[n], v)
                         for n, v in results['versions'].items() if v)
    out = ['%s, %d cores%s, %d GB, %s, %s.  %s.'
           % (m['cpu'], m['cores'], ' (virtual machine)' if m['virtual']
              else '', m['memory_gb'], m['system'], m['kernel'], versions),
           '',
           '%s, %d rounds of %d s.' % (results['date'], o['rounds'],
                                       o['seconds'])]
    took = results.get('took_s')
    if took:
        out += ['', 'Took, in seconds: %s; in all %d.' % (
            ', '.join('%s %d' % i for i in took.items()),
            sum(took.values()))]
    if results.get('skipped'):
        out += ['', 'Not measured: '
                + '; '.join('%s (%s)' % i
                            for i in results['skipped'].items()) + '.']
    if results.get('warnings'):
        out += ['', 'Warnings: ' + '; '.join(results['warnings']) + '.']
    return out


SECTIONS = (
    ('Throughput', throughput), ('Side by side', abreast_report.section),
    ('Latency at 1,000 requests/s', latency),
    ('Instructions per request', instructions), ('Memory', memory),
    ('A large mesh', large_report.section),
    ('Resilience configured', resilience_report.configured),
    ('An application at twice its capacity', resilience_report.brownout),
    ('Metrics, traces and logs', observe_report.section),
    ('The control plane', control_report.section))


def text(results):
    out = machine(results) + ['']
    rows = targets(results)

    if rows:
        out += ['### Targets', '',
                table(['', 'target', 'measured', ''], rows), '']
    for title, section in SECTIONS:
        lines = section(results)
        if lines:
            out += ['### ' + title, ''] + lines
    return '\n'.join(out).rstrip() + '\n'


def write(results):
    """Puts the tables between the marks of docs/benchmarks.md."""

    with open(DOCS) as f:
        before, mark, rest = f.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise RuntimeError('docs/benchmarks.md has lost its marks')

    svg = plot.draw(results)
    picture = ''
    if svg:
        with open(PLOT, 'w') as f:
            f.write(svg)
        picture = '![Benchmarks](benchmarks.svg)\n\n'

    with open(DOCS, 'w') as f:
        f.write(before + BEGIN + '\n\n' + picture + text(results) + '\n'
                + END + after)
