"""What it costs to watch: instructions for a request, CPU time and requests a
second, with metrics, traces and access logs on and off.

Egress, one route, one target.  Requests a second and CPU time are those of
pairs: two proxies that differ in one thing are measured at the same time, as
pairs.py does it.

Requests are sampled by rules without a fixed target, so that their share is the
rate at any speed.
"""

import contextlib
import json
import math
import os
import signal
import time
from dataclasses import dataclass

import instructions
import pairs
import proxies
import shapes
import sinks
import system

SECTION = 'observe'
TITLE = 'Metrics, traces and logs'
EXACT = 5           # slices of those that a target is for

XRAY = 'xray 127.0.0.1:%(xray)d rules=%(rules)s;'
OTLP = ('otlp http://127.0.0.1:%(otlp)d interval=500ms; '
        'trace_sampling rules=%(rules)s;')
STATSD = 'statsd 127.0.0.1:%(statsd)d;'

JSON = {'json': [{'key': key, 'value': '%%%s%%' % value} for key, value in (
    ('time', 'START_TIME'), ('method', 'REQ(:METHOD)'), ('path', 'REQ(:PATH)'),
    ('status', 'RESPONSE_CODE'), ('flags', 'RESPONSE_FLAGS'),
    ('sent', 'BYTES_SENT'), ('duration', 'DURATION'),
    ('authority', 'REQ(:AUTHORITY)'), ('request_id', 'REQ(X-REQUEST-ID)'),
    ('upstream', 'UPSTREAM_HOST'))]}


@dataclass
class Variant:
    title: str
    base: str = 'default'       # the other one of the pair
    mesh: str = ''              # directives
    rate: float = None          # of sampling
    sink: str = None            # who counts what is sampled
    log: dict = None            # "file" of the access log, without its path
    slices: int = 3             # of one start of the two proxies


VARIANTS = {
    'off': Variant('all off', None, 'metrics_zone off; envoy_headers off;'),
    'metrics': Variant('metrics only', 'off', 'envoy_headers off;', slices=EXACT),
    'default': Variant('default: metrics, x-request-id', 'metrics'),
    'same': Variant('default, a second one', slices=EXACT),
    'xray-0': Variant('X-Ray, 0 % sampled', mesh=XRAY, rate=0, sink='xray'),
    'xray-5': Variant('X-Ray, 5 % sampled', mesh=XRAY, rate=.05, sink='xray',
                      slices=EXACT),
    'xray-100': Variant('X-Ray, 100 % sampled', mesh=XRAY, rate=1,
                        sink='xray'),
    'otlp-5': Variant('W3C, OTLP, 5 % sampled', mesh=OTLP, rate=.05,
                      sink='otlp'),
    'text': Variant('access log, default text', log={}),
    'json': Variant('access log, JSON of ten', log={'format': JSON}, slices=EXACT),
    'all': Variant('X-Ray 5 %, JSON log, StatsD', mesh=XRAY + ' ' + STATSD,
                   rate=.05, sink='xray', log={'format': JSON}),
}


class Observed(proxies.Mesh):
    """A sidecar with a variant's directives and log."""

    # graceful, so that spans and lines that wait are not lost
    stop_signal = signal.SIGQUIT

    def __init__(self, variant, receivers, shape, core, wrapper=()):
        super().__init__(shape, core, wrapper)
        self.variant = variant
        self.receivers = receivers
        self.sent = 0
        self.lines = 0
        self.log = os.path.join(self.dir, 'access.log')
        if variant.log is not None:
            spec = self.document['virtualNodes'][0]['spec']
            spec['logging'] = {'accessLog': {'file': dict(
                variant.log, path=self.log)}}

    def prepare(self):
        ports = {name: s.port for name, s in self.receivers.items()}
        ports['rules'] = self.write('rules.json', json.dumps({
            'version': 2, 'rules': [],
            'default': {'fixed_target': 0, 'rate': self.variant.rate or 0}}))
        self.more = '    %s\n' % (self.variant.mesh % ports)
        return super().prepare()

    def start(self):
        self.before = self.received()
        return super().start()

    def received(self):
        sink = self.variant.sink
        return self.receivers[sink].count() if sink else 0

    def settle(self):
        """Without a master nginx ends at once, and spans have to be sent."""

        last, since = self.received(), time.monotonic()
        while time.monotonic() - since < 1.5:
            time.sleep(.1)
            now = self.received()
            if now != last:
                last, since = now, time.monotonic()

    def stop(self):
        """A log is counted and removed, whatever has happened."""

        super().stop()
        if os.path.exists(self.log):
            with open(self.log, 'rb') as f:
                self.lines = sum(part.count(b'\n')
                                 for part in iter(lambda: f.read(1 << 20), b''))
            os.unlink(self.log)

    def told(self):
        """Segments or spans, and lines, once it has ended."""

        return {'requests': self.sent, 'traces': self.received() - self.before,
                'lines': self.lines}


def receivers(bench, stack):
    return {name: stack.enter_context(sinks.Sink(kind, bench.cores.backend))
            for name, kind in (('xray', 'udp'), ('statsd', 'udp'),
                               ('otlp', 'otlp'))}


def wanted(bench):
    return {name: v for name, v in VARIANTS.items()
            if bench.wants(SECTION, name, 'mesh')}


def check(bench, name, told):
    """What was not told did not cost anything either."""

    v, n = VARIANTS[name], told['requests']

    if v.sink:
        # requests that the end of a slice cuts off are traced, not counted
        least = 4 * math.sqrt(n * v.rate * (1 - v.rate)) + .01 * n * v.rate
        if abs(told['traces'] - n * v.rate) > least:
            bench.warn('%s: %d of %d requests traced, the rate is %g'
                       % (v.title, told['traces'], n, v.rate))

    if v.log is not None and told['lines'] < n:
        bench.warn('%s: %d lines of %d requests'
                   % (v.title, told['lines'], n))
    return told


def measure(bench, n, name, base, proxy):
    """The n-th start of a pair: its samples, and what was told of it."""

    samples = pairs.start(bench, n, base, proxy, VARIANTS[name].slices)
    proxy.sent = pairs.WARMUP + sum(s['own']['requests'] for s in samples)
    return samples, check(bench, name, proxy.told())


def rates(bench, receivers, results):
    for n in range(bench.rounds):
        for name, v in wanted(bench).items():
            if v.base is None:
                continue
            bench.progress(SECTION, n, name)

            def make(variant):
                return Observed(variant, receivers,
                                shapes.one(bench.backend.ports),
                                bench.cores.proxy)

            with bench.attempt(SECTION, name):
                samples, told = measure(bench, n, name,
                                        make(VARIANTS[v.base]), make(v))
                r = results.setdefault('pairs', {}).setdefault(
                    name, {'samples': [], 'told': []})
                r['samples'] += samples
                r['told'].append(told)


def counts(bench, receivers, results):
    try:
        proxies.program('valgrind')
    except system.Skip as skip:
        bench.warn('%s: %s' % (SECTION, skip))
        return

    shape = shapes.one(bench.backend.ports)

    for name, v in wanted(bench).items():
        if name == 'same':
            continue
        # the fewer requests, the further the sampled ones from their rate
        n = bench.callgrind_requests * (2 if v.rate else 1)
        bench.progress(SECTION, 0, name, 'instructions')
        made = []

        def make(*args):
            made.append(Observed(v, receivers, *args))
            return made[-1]

        with bench.attempt(SECTION, name):
            total, told = [], []
            keep = os.path.join(proxies.BUILD, 'callgrind.observe.' + name)
            for requests in (n, 2 * n):
                # one connection: how many events come at once is chance
                total.append(instructions.total(make, shape, requests, bench,
                                                keep, 1))
                made[-1].sent = requests
                told.append(check(bench, name, made[-1].told()))
            results.setdefault('instructions', {})[name] = {
                'instructions': (total[1] - total[0]) / n, 'requests': n,
                'traces': told[1]['traces'] - told[0]['traces']}


def run(bench, results):
    if not bench.available(proxies.Mesh):
        return
    with contextlib.ExitStack() as stack:
        to = receivers(bench, stack)
        rates(bench, to, results)
        counts(bench, to, results)
