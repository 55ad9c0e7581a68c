"""The control plane's part of the report."""

from tables import NONE, number, table

KINDS = {'nodes': 'virtual nodes', 'routers': 'virtual routers',
         'routes': 'routes', 'services': 'virtual services'}


def section(results):
    data = results.get('control')
    if not data:
        return []
    out = ['The disk does %s fdatasync/s of 4 kB each.\n'
           % number(data['fdatasync'])]
    for part in (api, change, scale):
        out += part(data)
    return out


def api(data):
    data = data.get('api')
    if not data:
        return []
    rows = [[n, number(r['rate']), number(r['p50_ms'], 2),
             number(r['p99_ms'], 2)] for n, r in data['create'].items()]
    out = ['**Creates** of virtual nodes, each durable, one worker\n',
           table(['connections', 'calls/s', 'p50, ms', 'p99, ms'], rows), '']
    rows = [['DescribeVirtualNode, ' + name, number(r['rps']),
             number(r['p50_us'] / 1e3, 2), number(r['p99_us'] / 1e3, 2)]
            for name, r in data['describe'].items()]
    return out + ['**Describes**, one worker with a core of its own\n',
                  table(['', 'calls/s', 'p50, ms', 'p99, ms'], rows), '']


def change(data):
    data = data.get('change', {})
    rows = []

    def row(title, q):
        rows.append([title] + [number(q[k], 1) for k in ('p50', 'p99', 'max')])

    s, w = data.get('sidecars'), data.get('watchers')
    if s:
        row('in force in a sidecar, of 3 (%d changes)' % s['updates'],
            s['each_ms'])
        row('in force in all three', s['last_ms'])
    if w:
        row('received by a proxy, of %s (%d changes)'
            % (number(w['watchers']), w['waves']), w['each_ms'])
        row('received by all of them', w['last_ms'])
    if not rows:
        return []
    return ['**From the API\'s answer to UpdateRoute**\n',
            table(['', 'p50, ms', 'p99, ms', 'max, ms'], rows), '']


def scale(data):
    r = data.get('scale')
    if not r or 'restart_s' not in r:
        return []
    rows = [['create %s %s' % (number(c['n']), KINDS[kind]),
             number(c['seconds'], 1), number(c['n'] / c['seconds']),
             number(c['p99_ms'], 1)] for kind, c in r['create'].items()]
    listed = r['list']
    rows.append(['list the virtual nodes, %d pages' % listed['pages'],
                 number(listed['seconds'], 2),
                 number(listed['pages'] / listed['seconds']),
                 number(listed['p99_ms'], 2)])
    out = ['**A mesh of %s resources**\n' % number(r['resources']),
           table(['', 's', 'calls/s', 'p99 of a call, ms'], rows), '']

    rows = [['%d backends (%s kB)' % (d['backends'],
                                      number(d['bytes'] / 1024, 1)),
             number(d['p50_ms'], 2), number(d['p99_ms'], 2),
             number(d['max_ms'], 2)]
            for d in (r['document'], r['document_many'])]
    out += [table(['one document of it, not asked for before', 'p50, ms',
                   'p99, ms', 'max, ms'], rows), '']

    idle = r['idle']
    rows = [['store on disk, a resource', '%s B' % number(disk(r))],
            ['worker, a resource (own memory)', '%s B' % number(own(r))],
            ['%s waiting proxies, each' % number(idle['n']),
             '%s B' % number(idle['bytes'])],
            ['their connecting and first document',
             '%s s' % number(idle['seconds'], 1)],
            ['CPU while they wait', '%s %%' % number(100 * idle['idle_cpu'],
                                                     1)],
            ['restart until ready', '%s s' % number(r['restart_s'], 2)]]
    return out + [table(['', ''], rows), '']


def disk(r):
    return r['file_kb'] * 1024 / r['resources']


def own(r):
    return ((r['after'][0]['anon'] - r['before'][0]['anon']) * 1024
            / r['resources'])


def targets(results):
    data = results.get('control', {})
    out = []

    def add(what, target, value, digits, unit, met):
        text = NONE if value is None else number(value, digits) + unit
        out.append((what, target, text, 'PASS' if met else 'MISS'))

    if 'api' in data:
        rate = max(r['rate'] for r in data['api']['create'].values())
        add('durable creates', '≥ 500/s', rate, 0, '/s', rate >= 500)
        for name, r in data['api']['describe'].items():
            add('describes a core, ' + name, '≥ 10,000/s', r['rps'], 0, '/s',
                r['rps'] >= 10000)
    for key, title, limit in (
            ('sidecars', 'change in force in three sidecars, p99', 100),
            ('watchers', 'change received by 1,000 proxies, p99', 1000)):
        q = data.get('change', {}).get(key)
        if q:
            p99 = q['last_ms' if key == 'sidecars' else 'each_ms']['p99']
            add(title, '≤ %s ms' % number(limit), p99, 1, ' ms', p99 <= limit)
    if 'restart_s' in data.get('scale', {}):
        p99 = data['scale']['document']['p99_ms']
        add('one document of a mesh of %s resources, p99'
            % number(data['scale']['resources']), '≤ 5 ms', p99, 2, ' ms',
            p99 <= 5)
    return out
