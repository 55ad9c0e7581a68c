#!/usr/bin/env python3
#
# Each metric against an independent count.  After each of a table of requests
# all counters are compared, those that are expected to move and those that are
# not; and no name that is exported is left that no test has moved.

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_stats
from mesh_fake_control import FakeControl
from mesh_test import (ROOT, Backend, Sidecar, connect, directory, document,
                       free_port, node, reply, request, tap, wait)

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
        doc = document(1, nodes, routes=[self.route(), self.late()])
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
                'timeout': {'perRequest': {'unit': 's', 'value': 30}},
                'retryPolicy': {
                    'maxRetries': 1, 'httpRetryEvents': ['gateway-error'],
                    'perRetryTimeout': {'unit': 'ms', 'value': 2500}}}}}

    @staticmethod
    def late():
        return {'virtualRouterName': 'app', 'routeName': 'late', 'spec': {
            'httpRoute': {
                'match': {'prefix': '/late'},
                'action': {'weightedTargets': [
                    {'virtualNode': 'a', 'weight': 1}]},
                'timeout': {'perRequest': {'unit': 'ms', 'value': 500}}}}}

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
        if kind in ('silent', 'late'):
            self.hold.wait(20)
            return False
        s.sendall(reply('x', kind + ' It'))
        return True

    def check(self, what, ask, expected):
        wait(lambda: not gauges(self.n))
        before = counters(self.n)
        ask()
        wait(lambda: self.delta(before) == expected, 10, 0.02)
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
    b.check('attempts that are too late', get('/silent'),
            want(5, attempts=2, connections=2, whole=0, rq_per_try_timeout=2,
                 rq_retry_limit_exceeded=1))
    b.check('a request that is too late', get('/late'),
            want(5, connections=1, whole=0, rq_timeout=1,
                 route=('app', 'late')))
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


def during():
    """Gauges while a request is under way."""
    b = Bench()
    n = b.n
    with connect(n.egress) as s:
        s.sendall(b'GET /silent HTTP/1.1\r\nHost: app.local\r\n\r\n')
        wait(lambda: len(b.back.requests) == 1)
        counters(n)
        cluster = 'cds_egress_m_a_http_8080'
        tap.same(gauges(n), {
            (H + 'rq_active', 'egress'): 1,
            (L + 'active', '127.0.0.1_%d' % n.egress): 1,
            (C + 'rq_active', cluster): 1,
            (C + 'cx_active', cluster): 1}, 'a request, while it goes on')

        # the worker dies with it
        pid = n.worker_pids()[0]
        os.kill(pid, signal.SIGKILL)
        wait(lambda: n.worker_pids() and n.worker_pids() != [pid])
        wait(lambda: not gauges(n))
        tap.same(gauges(n), {}, 'and when its worker was killed')
    b.hold.set()


def value(n, name, **labels):
    samples, _ = mesh_stats.prometheus(n.page('/stats/prometheus').text)
    return mesh_stats.find(samples, name, **labels)


def app(protocol, pool, hold):
    """A sidecar whose application has limits, and its ingress."""
    back = Backend('app', raw=lambda s, f, r: hold.wait(20) and False)
    port = free_port()
    doc = document(1, {})
    doc['routes'] = []
    doc['virtualNodes'] = [{'virtualNodeName': 'me', 'spec': {
        'listeners': [{'portMapping': {'port': back.port,
                                       'protocol': protocol},
                       'connectionPool': {protocol: pool}}],
        'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}}]
    n = Sidecar(doc, resource='virtualNode/me', mesh='metrics_extension on;',
                http='server { listen 127.0.0.1:%d; location / '
                '{ mesh_pass ingress; } }' % port).start()
    n.at('1')
    return n, port


def asked(port):
    s = connect(port)
    s.sendall(b'POST / HTTP/1.1\r\nHost: me\r\nContent-Length: 0\r\n'
              b'Content-Type: application/grpc\r\nTE: trailers\r\n\r\n')
    return s


def limits():
    hold = threading.Event()
    n, port = app('http', {'maxConnections': 1, 'maxPendingRequests': 1}, hold)
    first = asked(port)
    wait(lambda: value(n, C + 'rq_active') == 1)
    second = asked(port)
    wait(lambda: value(n, C + 'rq_pending_active') == 1)
    third = asked(port)
    wait(lambda: value(n, C + 'rq_pending_overflow') == 1)
    counters(n)
    B = 'envoy_cluster_circuit_breakers_default_'
    tap.same([value(n, x) for x in (
        C + 'rq_pending_total', C + 'rq_pending_active',
        C + 'rq_pending_overflow', B + 'cx_open', B + 'rq_pending_open',
        A + 'ActiveConnectionCount', A + 'NewConnectionCount')],
        [1, 1, 1, 1, 1, 3, 3], 'one has its place, one waits, one is refused')
    for s in first, second, third:
        s.close()
    hold.set()
    wait(lambda: not gauges(n))
    tap.same(gauges(n), {}, 'they left')
    tap.same([value(n, x) for x in (B + 'cx_open', B + 'rq_pending_open')],
             [0, 0], 'and their places are free')
    tap.same([value(n, A + x) for x in ('RequestCount', 'GrpcRequestCount')],
             [3, 3], 'requests to the node, of gRPC')

    hold = threading.Event()
    n, port = app('http2', {'maxRequests': 1}, hold)
    s = asked(port)
    tap.ok(wait(lambda: value(n, B + 'rq_open') == 1), 'maxRequests')
    counters(n)
    s.close()
    hold.set()
    wait(lambda: not gauges(n))
    tap.same((value(n, B + 'rq_open'), gauges(n)), (0, {}), 'and nobody')


def tls():
    path = directory()
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=x',
                    '-days', '30', '-keyout', path + '/key', '-out', path + '/crt'],
                   check=True, stderr=subprocess.DEVNULL)
    port, back = free_port(), Backend('a')
    n = Sidecar(document(1, {'a': [back.port]}), workers=1, http="""
server {
    listen 127.0.0.1:%d ssl;
    ssl_certificate %s/crt;
    ssl_certificate_key %s/key;
    ssl_session_cache shared:s:1m;
    ssl_protocols TLSv1.2;
    location / { mesh_pass egress; }
}""" % (port, path, path)).start()
    n.at('1')
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    session, reused = None, 0
    for _ in range(3):
        with connect(port) as s:
            t = context.wrap_socket(s, session=session)
            t.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n'
                      b'Connection: close\r\n\r\n')
            while t.recv(4096):
                pass
            session = t.session
            reused += t.session_reused
            t.close()
    address = {'envoy_listener_address': '127.0.0.1_%d' % port}
    wait(lambda: value(n, L + 'active', **address) == 0)
    counters(n)
    tap.same([value(n, 'envoy_listener_ssl_' + x, **address) for x in
              ('handshake', 'session_reused')], [3, reused], 'TLS')
    tap.same(reused, 2, 'two of three resumed a session')
    days = value(n, 'envoy_server_days_until_first_cert_expiring')
    tap.ok(days in (29, 30), 'a certificate of 30 days, which began', days)


def documents():
    """The control plane, documents that are refused, the one on disk."""
    back = Backend('a')
    fake = FakeControl()
    good = dict(document('v1', {'a': [back.port]}))
    fake.put(good)
    state = directory()
    os.chmod(state, 0o777)
    n = Sidecar(control_plane='%s wait=1s interval=300ms' % fake.url(),
                resource='virtualNode/a', mesh='state %s;' % state).start()
    n.at('v1')
    tap.same(value(n, 'envoy_control_plane_connected_state'), 1, 'connected')
    tap.same(value(n, 'nginx_mesh_config_applied_total'), 1, 'one document')
    tap.same(value(n, 'envoy_server_days_until_first_cert_expiring'), None,
             'there is no certificate')
    fake.put('{"meshDocument": 2}')
    tap.ok(wait(lambda: value(n, 'nginx_mesh_config_rejections_total') == 1),
           'one that was refused')
    counters(n)
    tap.same([value(n, 'envoy_%s_manager_%s_update_rejected' % x) for x in
              (('cluster', 'cds'), ('listener', 'lds'))], [1, 1],
             "in Envoy's names too")
    fake.stop()
    tap.ok(wait(lambda: value(n, 'nginx_mesh_control_plane_failing_seconds')
                and value(n, 'nginx_mesh_control_plane_contact_age_seconds'),
                20), 'it is away')
    tap.same(value(n, 'envoy_control_plane_connected_state'), 0,
             'and not connected')
    counters(n)
    n.stop()
    n = Sidecar(control_plane='%s wait=1s interval=300ms' % fake.url(),
                resource='virtualNode/a', mesh='state %s;' % state).start()
    n.at('v1')
    tap.same(value(n, 'nginx_mesh_config_last_known_good'), 1,
             'the document on disk')
    request(n.admin, '/drain_listeners', 'POST')
    tap.same((value(n, 'nginx_mesh_drains_total'),
              value(n, 'envoy_server_state')), (1, 1), 'drained')
    counters(n)


def budget():
    """Twenty fail at once: as many are tried again as the budget allows."""
    clients = 20
    barrier = threading.Barrier(clients)
    release = threading.Event()
    seen = []

    def raw(s, f, r):
        with b.lock:
            seen.append(r)
            first = len(seen) <= clients
        if first:
            barrier.wait(20)
        else:
            release.wait(20)
        s.sendall(reply('', '503 No' if first else '200 OK'))
        return True

    b = Backend('a', raw=raw)
    route = Bench.route()
    http = route['spec']['httpRoute']
    del http['retryPolicy']
    n = Sidecar(document(1, {'a': [b.port]}, routes=[route]), workers=1,
                mesh='retry_defaults safe;').start()
    n.at('1')
    got = []
    threads = [threading.Thread(target=lambda: got.append(n.get().status))
               for _ in range(clients)]
    for t in threads:
        t.start()

    def settled():
        return len(got) + len(seen) == 2 * clients

    tap.ok(wait(settled, 15), 'each was answered, or is tried again',
           '%d and %d' % (len(got), len(seen)))
    refused = len(got)
    release.set()
    for t in threads:
        t.join()
    counters(n)
    tap.ok(0 < refused < clients, 'some of both', refused)
    tap.same([value(n, C + 'rq_retry_overflow'), value(n, C + 'rq_retry'),
              value(n, C + 'rq_retry_success')],
             [refused, clients - refused, clients - refused],
             'over the budget, tried again, with success')


def outputs():
    """What was given away, by those who took it."""
    back, agent = Backend('a'), mesh_stats.StatsD()
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    daemon.bind(('127.0.0.1', 0))
    daemon.settimeout(10)
    path = directory()
    os.chmod(path, 0o777)
    doc = document(1, {'a': [back.port]})
    me = node('me')
    me['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': 'app.local'}}]
    me['spec']['logging'] = {'accessLog': {'file': {'path': path + '/log'}}}
    doc['virtualNodes'].append(me)
    text = 'statsd 127.0.0.1:%d interval=100ms;' % agent.port
    n = Sidecar(doc, resource='virtualNode/me', workers=1, mesh=text
                + 'xray 127.0.0.1:%d rate=1;' % daemon.getsockname()[1])
    n.start()
    n.at('1')
    for _ in range(3):
        n.get('/')
    for _ in range(3):
        daemon.recv(65536)
    own = 'nginx_mesh_'
    wait(lambda: value(n, own + 'trace_sent_total') == 3)
    tap.same([value(n, own + 'trace_%s_total' % x)
              for x in ('sampled', 'sent', 'dropped')], [3, 3, 0], 'traces')

    def lines():
        if not os.path.exists(path + '/log'):
            return 0
        with open(path + '/log') as f:
            return len(f.readlines())

    wait(lambda: (value(n, own + 'log_written_total'), lines()) == (3, 3))
    tap.same((value(n, own + 'log_written_total'), lines()), (3, 3), 'logs')
    wait(lambda: value(n, own + 'statsd_sent_total') > 3)
    counters(n)
    n.stop()

    # all that is told is told before it is counted
    sent = [m.value for m in agent.select('nginx_mesh.statsd_sent_total')]
    tap.ok(0 < sum(sent) <= len(agent.datagrams), 'datagrams',
           (sum(sent), len(agent.datagrams)))

    # nobody is there
    daemon.close()
    n.start()
    n.at('1')

    def lost():
        n.get('/')
        return value(n, own + 'trace_dropped_total')

    tap.ok(wait(lost, 20, 0.05), 'traces that nobody took')
    counters(n)


# moved, and compared with what was counted, there
ELSEWHERE = {
    'envoy_cluster_health_check_attempt':
        ('metrics-counts.t', "'attempt', 'success', 'failure'"),
    'envoy_cluster_health_check_failure':
        ('metrics-counts.t', "'attempt', 'success', 'failure'"),
    'envoy_cluster_health_check_success':
        ('metrics-counts.t', "'attempt', 'success', 'failure'"),
    'nginx_mesh_emf_dropped_total':
        ('stats-sinks.t', 'nginx_mesh.emf_dropped_total'),
    'nginx_mesh_statsd_dropped_total':
        ('stats-sinks.t', 'nginx_mesh.statsd_dropped_total'),
    'nginx_mesh_statsd_skipped_total':
        ('stats-sinks.t', 'nginx_mesh.statsd_skipped_total'),
    'nginx_mesh_log_dropped_total': ('access-log.t', 'written + dropped'),
}


def names():
    """Of the list in the documentation."""
    with open(ROOT + '/docs/metrics.md') as f:
        page = f.read()
    page = page[page.index('<!-- begin of the list'):]
    left = set(re.findall(r'^\| `(\w+)` \| `', page, re.M)) - moved
    for name, (file, phrase) in ELSEWHERE.items():
        with open('%s/t/e2e/%s' % (ROOT, file)) as f:
            if phrase in f.read():
                left.discard(name)
    tap.same(left, set(), 'each name was moved by a test')


tap.run(table, during, limits, tls, budget, documents, outputs, names)
