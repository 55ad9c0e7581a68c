#!/usr/bin/env python3
#
# Each metric against an independent count.  After each of a table of requests
# all counters are compared, those that are expected to move and those that are
# not; and no name that is exported is left that no test has moved.

import os
import re
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_stats
from mesh_test import (ROOT, Backend, Sidecar, connect, directory, document,
                       endpoint, free_port, node, reply, request, tap, wait)

H = 'envoy_http_downstream_'
C = 'envoy_cluster_upstream_'
L = 'envoy_listener_downstream_cx_'
T = 'nginx_mesh_target_'
A = 'envoy_appmesh_'

# counted elsewhere: bytes by metrics-counts.t, what the sinks count by their
# own parts, what is of the process by none
APART = re.compile(r'.*[Bb]ytes|nginx_mesh_(statsd|emf|log|trace)_'
                   r'|envoy_(server|cluster_health_check)_')

moved = set()


def counters(n):
    """{name: {labels: value}} of counters and of counts of histograms; what
    is not 0 of any metric is noted as moved."""
    samples, types = mesh_stats.prometheus(n.page('/stats/prometheus').text)
    found = {}
    for s in samples:
        base = re.sub('_(bucket|sum|count)$', '', s.name)
        name = s.name if s.name in types else base
        if s.value:
            moved.add(name)
        if types[name] == 'histogram':
            if not s.name.endswith('_count'):
                continue
        elif types[name] != 'counter':
            continue
        if not APART.match(name):
            key = (name,) + tuple(sorted(s.labels.values()))
            found[key] = s.value
    return found


def gauges(n):
    """What is going on, if anything is."""
    samples, _ = mesh_stats.prometheus(n.page('/stats/prometheus').text)
    return {(s.name,) + tuple(sorted(s.labels.values())): s.value
            for s in samples if s.value and re.search(
                r'_(rq|cx|pending)_active$|ActiveConnectionCount', s.name)}


class Expected(dict):
    def add(self, n, name, *labels):
        if n:
            key = (name,) + tuple(sorted(labels))
            self[key] = self.get(key, 0) + n


def client(e, n, cls, **kw):
    """What a request of a client of egress leaves, whoever answers it."""
    e.add(1, H + 'rq_total', 'egress')
    if cls:
        e.add(1, H + 'rq_xx', 'egress', str(cls))
    e.add(1, H + 'rq_time', 'egress')
    address = '127.0.0.1_%d' % n.egress
    e.add(1, L + 'total', address)
    e.add(1, L + 'length_ms', address)


def through(e, cls, node='a', service='app.local', route=('app', 'all'),
            attempts=1, connections=0, retries=None, whole=True, failed=0,
            **more):
    """... and one that is sent to a node; "whole": its answer came to an end,
    which is what times are of; "failed": attempts without a connection."""
    cluster = 'cds_egress_m_%s_http_8080' % node
    target = (service, node) + route
    e.add(attempts - failed, C + 'rq_total', cluster)
    e.add(whole, C + 'rq_time', cluster)
    e.add(connections, C + 'cx_total', cluster)
    if cls:
        e.add(1, C + 'rq_xx', cluster, str(cls))
    more['rq_retry'] = attempts - 1 if retries is None else retries
    e.add(more['rq_retry'], T + 'retries_total', *target)
    for k, v in more.items():
        e.add(v, C + k, cluster)
    e.add(1, T + 'requests_total', *target, '%dxx' % cls if cls else 'none')
    e.add(whole, T + 'request_duration_seconds', *target)
    mesh = ('m', 'me', service, node)
    e.add(1, A + 'RequestCountPerTarget', *mesh)
    e.add(whole, A + 'TargetResponseTime', *mesh)
    if cls and cls > 1:
        e.add(1, A + 'HTTPCode_Target_%dXX_Count' % cls, *mesh)


class Bench:
    """A sidecar with nodes of all kinds, and a backend that does as it is
    told by the path."""

    def __init__(self):
        self.hold = threading.Event()
        self.turns = {}
        self.back = Backend('a', raw=self.raw)
        self.full = socket.socket()
        self.full.bind(('127.0.0.1', 0))
        self.full.listen(0)
        self.waiting = []
        for _ in range(3):              # until nobody is let in
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.full.getsockname())
            self.waiting.append(s)

        nodes = {'a': [self.back.port], 'down': [free_port()], 'none': [],
                 'full': [self.full.getsockname()[1]],
                 'out': [self.back.port]}
        doc = document(1, nodes, routes=[self.route()])
        doc['virtualServices'] += [
            {'virtualServiceName': x + '.local', 'spec': {'provider': {
                'virtualNode': {'virtualNodeName': x}}}}
            for x in nodes if x != 'a']
        me = node('me')
        me['spec']['backends'] = [
            {'virtualService': {'virtualServiceName':
                                x['virtualServiceName']}}
            for x in doc['virtualServices']]
        doc['virtualNodes'].append(me)
        out = next(x for x in doc['virtualNodes']
                   if x['virtualNodeName'] == 'out')
        out['spec']['listeners'][0]['outlierDetection'] = {
            'maxServerErrors': 2, 'maxEjectionPercent': 100,
            'interval': {'unit': 's', 'value': 1},
            'baseEjectionDuration': {'unit': 's', 'value': 600}}
        self.n = Sidecar(doc, resource='virtualNode/me', workers=1,
                         mesh='retry_defaults off; metrics_extension on;',
                         location='proxy_connect_timeout 300ms;').start()
        self.n.at('1')

    @staticmethod
    def route():
        return {'virtualRouterName': 'app', 'routeName': 'all', 'spec': {
            'httpRoute': {
                'match': {'prefix': '/'},
                'action': {'weightedTargets': [
                    {'virtualNode': 'a', 'weight': 1}]},
                'timeout': {'perRequest': {'unit': 'ms', 'value': 1500}},
                'retryPolicy': {
                    'maxRetries': 1, 'httpRetryEvents': ['gateway-error'],
                    'perRetryTimeout': {'unit': 'ms', 'value': 1000}}}}}

    def raw(self, s, f, r):
        kind = r.path.split('/')[1]
        if kind == 'upgrade':
            s.sendall(b'HTTP/1.1 101 Switching Protocols\r\n'
                      b'Upgrade: websocket\r\nConnection: upgrade\r\n\r\n')
            s.recv(1)
            return False
        if kind == 'flaky':
            self.turns[r.path] = self.turns.get(r.path, 0) + 1
            kind = '503' if self.turns[r.path] == 1 else '200'
        if kind == 'closed':
            return False
        if kind == 'half':
            s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1')
            return False
        if kind == 'silent':
            self.hold.wait(20)
            return False
        s.sendall(reply('x', kind + ' It'))
        return True

    def check(self, what, ask, expected):
        wait(lambda: not gauges(self.n))
        before = counters(self.n)
        ask()
        wait(lambda: self.delta(before) == expected, 3, 0.02)
        got = self.delta(before)
        tap.ok(got == expected, what + ': each counter',
               'got, not wanted: %r' % sorted(set(got.items())
                                              - set(expected.items())),
               'wanted, not got: %r' % sorted(set(expected.items())
                                              - set(got.items())))
        tap.same(gauges(self.n), {}, what + ': nothing goes on')

    def delta(self, before):
        now = counters(self.n)
        return {k: v - before.get(k, 0) for k, v in now.items()
                if v != before.get(k, 0)}


def table():
    b = Bench()
    n = b.n

    def want(cls, sent=True, **kw):
        e = Expected()
        client(e, n, kw.pop('seen', cls))
        if sent:
            through(e, cls, **kw)
        return e

    def get(path, **kw):
        def ask():
            try:
                n.get(path, **kw)
            except Exception:           # a part of an answer
                pass
        return ask

    def upgrade():
        with connect(n.egress) as s:
            s.sendall(b'GET /upgrade HTTP/1.1\r\nHost: app.local\r\n'
                      b'Connection: upgrade\r\nUpgrade: websocket\r\n\r\n')
            s.recv(4096)

    def leave():
        seen = len(b.back.requests)
        with connect(n.egress) as s:
            s.sendall(b'GET /silent HTTP/1.1\r\nHost: app.local\r\n\r\n')
            wait(lambda: len(b.back.requests) > seen)

    direct = {'service': 'out.local', 'node': 'out', 'route': ('', '')}
    b.check('200', get('/200'), want(2, connections=1))
    b.check('302', get('/302'), want(3))
    b.check('404', get('/404'), want(4))
    b.check('500, not retried', get('/500'), want(5))
    b.check('503, retried', get('/503'),
            want(5, attempts=2, connections=1, rq_retry_limit_exceeded=1))
    b.check('503, then 200', get('/flaky'),
            want(2, attempts=2, connections=1, rq_retry_success=1))
    b.check('101', upgrade, want(1))
    b.check('closed', get('/closed'),
            want(5, attempts=2, connections=2, whole=0, rq_rx_reset=2,
                 rq_retry_limit_exceeded=1))
    b.check('half', get('/half'), want(2, connections=1, whole=0, rq_rx_reset=1))
    b.check('too late', get('/silent'),
            want(5, attempts=2, connections=2, whole=0, rq_per_try_timeout=1,
                 rq_timeout=1))
    e = want(0, connections=1, whole=0, rq_cancelled=1)
    e.add(1, H + 'rq_rx_reset', 'egress')
    b.check('a client that leaves', leave, e)
    e = want(4, sent=False)
    e.add(1, 'envoy_http_no_route', 'egress')
    b.check('no route', get('/', host='nobody.local'), e)
    no_answer = dict(direct, whole=0, failed=1)
    for x, more in (('down', {'connections': 1, 'cx_connect_fail': 1}),
                    ('none', {'cx_none_healthy': 1}),
                    ('full', {'connections': 1, 'cx_connect_fail': 1,
                              'cx_connect_timeout': 1})):
        e = dict(no_answer, service=x + '.local', node=x, **more)
        b.check(x, get('/', host=x + '.local'), want(5, **e))

    # one endpoint of one, so that it is used in panic
    b.check('out', get('/500', host='out.local'),
            want(5, connections=1, **direct))
    e = want(5, **direct)
    out = 'cds_egress_m_out_http_8080'
    e.add(1, 'envoy_cluster_outlier_detection_ejections_enforced_total', out)
    e.add(1, 'nginx_mesh_ejections_total')
    b.check('ejected', get('/500', host='out.local'), e)
    e = want(2, **direct)
    e.add(1, 'envoy_cluster_lb_healthy_panic', out)
    b.check('panic', get('/200', host='out.local'), e)
    b.hold.set()
    tap.same(n.bad(), [], 'nothing bad in the log')


def listed():
    with open(ROOT + '/docs/metrics.md') as f:
        return set(re.findall(r'^\| `(\w+)` \| `', f.read(), re.M))


def names():
    left = listed() - moved
    tap.same(left, set(), 'each name was moved')


tap.run(table)
