#!/usr/bin/python3
"""Central sampling: rules, quotas and rates that the X-Ray daemon gives, in
force in all workers; and a daemon that is away or talks nonsense.

What is sampled is counted by a collector of OpenTelemetry.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_otlp import Collector
from mesh_test import (SLOW, Backend, Load, Sidecar, document, free_port,
                       node, reply, tap, wait)
from mesh_xray_daemon import Daemon, rule


# until each worker has looked at what is shared, every half second
LOOK = 1.6 + 0.4 * SLOW


def start(daemon, collector, local='rate=0', workers=2):
    port = daemon if isinstance(daemon, int) else daemon.port
    doc = document(1, {'a': [Backend('a').port]})
    me = node('me')
    me['spec']['backends'] = [{'virtualService': {
        'virtualServiceName': 'app.local'}}]
    doc['virtualNodes'].append(me)
    return Sidecar(doc, workers=workers, resource='virtualNode/me',
                   mesh='xray 127.0.0.1:%d central=on %s; otlp %s '
                   'interval=50ms;' % (port, local, collector.url())).start()


def ruled(side, n=1):
    """Until central rules were asked for, and all workers have them."""
    good = side.logged(r'X-Ray has \d+ sampling rules')
    time.sleep(LOOK)
    return good


def sampled(collector, side, n, path='/', want=0, **kw):
    """How many of n requests are; there is time for as many as are wanted."""
    before = len(collector.spans)
    for _ in range(n):
        side.get(path, **kw)
    wait(lambda: len(collector.spans) - before >= want)
    time.sleep(0.4 + 0.1 * SLOW)
    return len(collector.spans) - before


def rules():
    """Which rules apply, and in which order."""
    d, c = Daemon(page=3), Collector()
    d.rules = [
        rule('Default', 10000, 0, 0),
        rule('z-all', 5, 0, 1, path='/twice*'),
        rule('a-none', 5, 0, 0, path='/twice*'),
        rule('host', 1, 0, 1, host='app.l?cal', path='/host'),
        rule('method', 1, 0, 1, method='post', path='/method'),
        rule('mine', 1, 0, 1, service='m/*', path='/mine'),
        rule('not mine', 1, 0, 1, service='other/*', path='/not'),
        rule('type', 1, 0, 1, kind='AWS::AppMesh::Proxy', path='/type'),
        rule('no type', 1, 0, 1, kind='AWS::EC2::Instance', path='/not'),
        rule('arn', 1, 0, 1, arn='arn:aws:ecs:x', path='/not'),
        rule('later', 1, 0, 1, version=2, path='/not'),
        rule('attributes', 1, 0, 1, Attributes={'a': 'b'}, path='/not'),
        rule('broken', 1, 0, 7, path='/not'),
        rule('x' * 33, 1, 0, 1, path='/not'),
        'no rule', {}]
    side = start(d, c)
    tap.ok(ruled(side), 'rules are there', side.errors(5))
    tap.ok(side.lines('X-Ray has 7 sampling rules for "m/me"'),
           'those that apply, of all pages')
    for path, want in (('/', 0), ('/twice/x', 0), ('/host', 5), ('/mine', 5),
                       ('/type', 5), ('/method', 0), ('/not', 0)):
        tap.same(sampled(c, side, 5, path, want), want, path)
    tap.same(sampled(c, side, 5, '/method', 5, method='POST'), 5, 'POST /method')
    tap.same(d.bad, [], 'the daemon understood all of it')
    tap.same(len(d.asked), 1, 'one worker asked, once')

    side.reload()
    tap.same(sampled(c, side, 5, '/mine', 5), 5,
             'they are in force after a reload at once')
    tap.same(side.bad(), [], 'nothing bad in the log')
    tap.ok(side.stop(), 'it ends well')


def quotas():
    """Borrowing, then a quota over two workers, then none; and the counts."""
    d, c = Daemon(), Collector()
    d.rules = [rule('busy', 1, 50, 0), rule('Default', 10000, 0, 0)]
    side = start(d, c)
    ruled(side)
    d.targets['busy'] = {'ReservoirQuota': 7, 'FixedRate': 0, 'Interval': 2}

    load = Load(side.egress, 4, pause=0.002)
    tap.ok(d.reported('busy', 1), 'statistics are reported')
    first = d.reports[0][1]
    borrowed = list(c.spans)
    tap.ok(1 <= per_second(borrowed) <= 1,
           'one a second is borrowed before there is a quota',
           seconds(borrowed))
    tap.ok(first['BorrowCount'] > 0 and first['SampledCount'] == 0,
           'which is reported as that')

    d.reported('busy', 4)
    load.stop()
    tap.same(load.failures, [], 'no request failed')
    time.sleep(3)
    counts = seconds(c.spans)
    # that in which the quota came has some of two seconds
    tap.ok(sum(n > 7 for n in counts) <= 1 and max(counts) <= 14,
           'the quota is held over two workers', counts)
    tap.ok(sum(n >= 6 for n in counts) >= 3, 'and used', counts)
    wait(lambda: d.total('busy', 'RequestCount') >= load.done, 30)
    tap.same(d.total('busy', 'RequestCount'), load.done,
             'every request was counted')
    tap.same(d.total('busy', 'SampledCount') + d.total('busy', 'BorrowCount'),
             len(c.spans), 'and every sampled one')
    tap.same(len({doc['ClientID'] for _, doc in d.reports}), 1,
             'one client reports')
    times = [t for t, _ in d.reports]
    gaps = [b - a for a, b in zip(times, times[1:])]
    # one that is seen late is nearer to the next one
    gaps = gaps[1:]
    tap.ok(sorted(gaps)[len(gaps) // 2] >= 1.9
           and sum(gaps) >= 1.9 * len(gaps) - 1.5,
           'as often as the daemon wants', gaps)
    tap.same(d.bad, [], 'the daemon understood all of it')
    side.stop()


def seconds(spans):
    """Spans in each second that has any, of the clock that never jumps, which
    is the one that reservoirs go by.  A second begins some time before it does,
    since clocks cannot be compared exactly and a quota is used at once."""
    found = {}
    offset = time.time() - time.monotonic()
    for s in list(spans):
        n = int(s.start / 1e9 - offset + 0.3)
        found[n] = found.get(n, 0) + 1
    return [found[k] for k in sorted(found)]


def per_second(spans):
    """The median."""
    counts = sorted(seconds(spans))
    return counts[len(counts) // 2] if counts else 0


def rates():
    """The rate of a target counts, in all workers; changed rules are fetched;
    what X-Ray could not take is reported again."""
    d, c = Daemon(), Collector()
    d.rules = [rule('r', 1, 0, 0)]
    d.refused = ['r']
    d.targets['r'] = {'FixedRate': 0.3, 'Interval': 1}
    side = start(d, c)
    ruled(side)
    tap.same(sampled(c, side, 100), 0, 'a rate of 0')
    time.sleep(11)
    d.refused = []
    tap.ok(d.reported('r', 1), 'statistics that failed are reported again')
    tap.same(d.total('r', 'RequestCount'), 100, 'with all counts')
    time.sleep(LOOK)
    # 300, which six standard deviations are 87 of
    n = sampled(c, side, 1000, want=213)
    tap.ok(213 <= n <= 387, 'the rate of the target is in force', n)

    d.rules = [rule('r', 1, 0, 0), rule('s', 0, 0, 1, path='/s')]
    d.modified = 1.6e9
    side.get()
    tap.ok(side.logged('X-Ray has 2 sampling rules', 30),
           'rules that were changed are asked for')
    time.sleep(LOOK)
    tap.same(sampled(c, side, 20, '/s', 20), 20, 'and in force')
    tap.same(side.bad(), [], 'nothing bad in the log')
    side.stop()


def away():
    """Without a daemon, and with one that talks nonsense: local rules."""
    port, c = free_port(), Collector()
    side = start(port, c, local='rate=1')
    tap.ok(side.logged('gives no sampling rules: connect'), 'it is told')
    tap.same(sampled(c, side, 20, want=20), 20, 'local rules are in force')

    def hang(r):
        time.sleep(30)

    d = Daemon(port=port)
    d.script(lambda r: reply('[' * 100000), lambda r: reply('x' * 2000000),
             lambda r: None, lambda r: reply('{}', '500 Oops'))
    d.rules = [rule('none', 1, 0, 0)]
    tap.ok(wait(lambda: len(d.scripts) <= 1, 120), 'nonsense was heard')
    tap.same(sampled(c, side, 20, want=20), 20, 'local rules are in force')
    tap.same(len(side.lines('gives no sampling rules')), 1, 'told once')

    tap.ok(side.logged('answers again', 90), 'it came to its senses')
    time.sleep(LOOK)
    tap.same(sampled(c, side, 20), 0, 'central rules are in force')

    d.always = hang
    time.sleep(11)
    start_at = time.monotonic()
    tap.same(sampled(c, side, 20), 0, 'they stay while it hangs')
    tap.ok(time.monotonic() - start_at < 5 * SLOW, 'and nobody waits')
    tap.same(side.bad(), [], 'nothing bad in the log')
    tap.ok(side.stop(timeout=5), 'it ends well')


def takes_over():
    """The worker that asks is killed: another one goes on."""
    d, c = Daemon(), Collector()
    d.rules = [rule('k', 1, 0, 1)]
    d.targets['k'] = {'FixedRate': 1, 'Interval': 1}
    side = start(d, c)
    ruled(side)
    side.get()
    d.reported('k', 1)
    for pid in side.worker_pids():
        side.send(9, pid)
    wait(lambda: len(side.worker_pids()) == 2)
    tap.same(sampled(c, side, 10, want=10), 10, 'new workers have the rules')
    n = len(d.reports)
    tap.ok(wait(lambda: len(d.reports) > n, 30), 'and one of them reports')
    side.stop()


tap.run(rules, quotas, rates, away, takes_over)
