#!/usr/bin/env python3
#
# The numbers are right: what clients and backends counted themselves is what
# the statistics say, after all kinds of ends a request may come to, with two
# workers, across reloads, and when a worker is killed.  Of one that was killed
# nothing is lost but the requests that were in flight in it.

import os
import signal
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_test import (Backend, Load, Sidecar, connect, document, free_port,
                       read_all, reply, request, tap, wait)

CLIENTS, REQUESTS = 6, 60


def numbers(n):
    """{name: value} of /stats, without histograms"""
    found = {}
    for line in n.page('/stats').text.splitlines():
        name, _, value = line.rpartition(': ')
        if value.isdigit():
            found[name] = int(value)
    return found


def http(n, name, side='egress'):
    return numbers(n).get('http.%s.downstream_%s' % (side, name), 0)


def cluster(n, name, node='a', sum_of=numbers):
    values = numbers(n)
    return sum(v for k, v in values.items()
               if k == 'cluster.cds_egress_m_%s_http_8080.%s' % (node, name))


def same(n, want, node='a'):
    """Each of the values of a cluster, once nothing is in flight."""
    wait(lambda: http(n, 'rq_active') == 0)
    values = numbers(n)
    prefix = 'cluster.cds_egress_m_%s_http_8080.' % node
    got = {k: values.get(prefix + k, 0) for k in want}
    tap.same(got, want, 'the cluster: ' + ', '.join(sorted(want)))


def idle(n, name):
    """All gauges of what is going on are 0."""
    def active():
        return {k: v for k, v in numbers(n).items()
                if k.endswith(('rq_active', 'pending_active')) and v
                or k.endswith('upstream_cx_active') and v}
    tap.ok(wait(lambda: not active()), name + ': the gauges are at 0',
           active())


def route(retries=0, events=(), timeout=None, per_try=15000):
    http_route = {'match': {'prefix': '/'}, 'action': {'weightedTargets': [
        {'virtualNode': 'a', 'weight': 1}]}}
    http_route['retryPolicy'] = {
        'maxRetries': retries, 'httpRetryEvents': list(events) or
        ['server-error'], 'perRetryTimeout': {'unit': 'ms', 'value': per_try}}
    if timeout:
        http_route['timeout'] = {'perRequest': {'unit': 'ms',
                                                'value': timeout}}
    return [{'virtualRouterName': 'app', 'routeName': 'all',
             'spec': {'httpRoute': http_route}}]


def sidecar(endpoints, workers=2, routes=None, **kw):
    return Sidecar(document(1, {'a': endpoints}, routes=routes),
                   workers=workers, mesh='retry_defaults off;', **kw).start()


class Counting:
    """A client on one connection that counts bytes and statuses."""

    def __init__(self, port):
        self.port = port
        self.sent = self.received = 0
        self.statuses = {}
        self.connections = 0
        self.socket = None

    def ask(self, path, body=b'', method='GET'):
        if self.socket is None:
            self.socket = connect(self.port)
            self.file = self.socket.makefile('rb')
            self.connections += 1
        head = '%s %s HTTP/1.1\r\nHost: app.local\r\n' % (method, path)
        if body:
            head += 'Content-Length: %d\r\n' % len(body)
        data = head.encode() + b'\r\n' + body
        self.socket.sendall(data)
        self.sent += len(data)
        return self.answer()

    def answer(self):
        length, close = 0, False
        line = self.file.readline()
        self.received += len(line)
        status = int(line.split()[1])
        while True:
            line = self.file.readline()
            self.received += len(line)
            if line == b'\r\n':
                break
            name, value = line.decode().lower().split(':', 1)
            if name == 'content-length':
                length = int(value)
            if name == 'connection' and 'close' in value:
                close = True
        self.received += len(self.file.read(length))
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if close:
            self.close()
        return status

    def close(self):
        if self.socket:
            self.file.close()
            self.socket.close()
            self.socket = None


def totals():
    """Statuses, attempts, retries and bytes of a mixed load."""
    turns = {}
    lock = threading.Lock()

    def answer(r):
        kind = r.path.split('/')[1]
        if kind == 'flaky':                 # 500 first, then 200
            with lock:
                turns[r.path] = turns.get(r.path, 0) + 1
                if turns[r.path] == 1:
                    return reply('no', '500 Bad')
        return {'missing': reply('x' * 10, '404 Not Found'),
                'bad': reply('x' * 5, '500 Bad'),
                'moved': reply('', '302 Found', [('Location', '/')]),
                'closed': None}.get(kind, reply('y' * 3000))

    back = Backend('a', answer)
    n = sidecar([back.port], routes=route(1))

    kinds = ['ok', 'missing', 'bad', 'moved', 'flaky', 'closed', 'ok']
    clients = [Counting(n.egress) for _ in range(CLIENTS)]

    def run(number):
        for i in range(REQUESTS):
            kind = kinds[i % len(kinds)]
            body = b'b' * (i * 7) if i % 3 == 0 else b''
            clients[number].ask('/%s/%d/%d' % (kind, number, i), body,
                                'POST' if body else 'GET')
        clients[number].close()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    statuses = {}
    for c in clients:
        for status, count in c.statuses.items():
            statuses[status // 100] = statuses.get(status // 100, 0) + count

    total = CLIENTS * REQUESTS
    done = {kind: sum(1 for i in range(REQUESTS)
                      if kinds[i % len(kinds)] == kind) * CLIENTS
            for kind in kinds}

    idle(n, 'a mixed load')
    tap.same(http(n, 'rq_total'), total, 'each request is counted once')
    for k in (2, 3, 4, 5):
        tap.same(http(n, 'rq_%dxx' % k), statuses.get(k, 0),
                 'as many answers of %dxx as clients got' % k)
        tap.same(cluster(n, 'upstream_rq_%dxx' % k), statuses.get(k, 0),
                 'in the cluster too')

    tap.same(cluster(n, 'upstream_rq_total'), len(back.requests),
             'as many attempts as the backend has seen')
    tap.same(cluster(n, 'upstream_cx_total'), back.connections,
             'over as many connections')

    retried = done['bad'] + done['flaky'] + done['closed']
    same(n, {'upstream_rq_retry': retried,
             'upstream_rq_retry_success': done['flaky'],
             'upstream_rq_retry_limit_exceeded': done['bad']
             + done['closed'],
             'upstream_cx_connect_fail': 0,
             'upstream_rq_timeout': 0})

    tap.same(http(n, 'cx_rx_bytes_total'), sum(c.sent for c in clients),
             'bytes that clients sent')
    tap.same(http(n, 'cx_tx_bytes_total'), sum(c.received for c in clients),
             'bytes that clients got')

    values = numbers(n)
    got = sum(v for k, v in values.items() if k.endswith(
        '%d.downstream_cx_total' % n.egress))
    tap.same(got, sum(c.connections for c in clients),
             'connections of clients')
    tap.same(n.bad(), [], 'nothing bad in the log')


def ends():
    """Each end of a request, one after another."""
    hold = threading.Event()

    def raw(s, f, r):
        kind = r.path.split('/')[1]
        if kind == 'silent':
            hold.wait(20)
            return False
        if kind == 'half':
            s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123')
            return False
        if kind == 'drip':
            s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123')
            hold.wait(20)
            return False
        s.sendall(reply('a'))
        return True

    back = Backend('a', raw=raw)
    n = sidecar([back.port], workers=1, routes=route(timeout=400))

    tap.same(n.get('/silent').status, 504, 'a request that takes too long')
    same(n, {'upstream_rq_timeout': 1, 'upstream_rq_5xx': 1,
             'upstream_rq_total': 1, 'upstream_rq_rx_reset': 0})

    # what follows has its time
    n.put(document(2, {'a': [back.port]}, routes=route()))
    n.at('2')
    try:
        n.get('/half')
    except Exception:
        pass
    same(n, {'upstream_rq_rx_reset': 1, 'upstream_rq_2xx': 1,
             'upstream_rq_total': 2})

    s = connect(n.egress)
    s.sendall(b'GET /silent HTTP/1.1\r\nHost: app.local\r\n\r\n')
    wait(lambda: len(back.requests) == 3)
    s.close()
    same(n, {'upstream_rq_cancelled': 1, 'upstream_rq_5xx': 1,
             'upstream_rq_total': 3})
    tap.same(http(n, 'rq_rx_reset'), 1, 'a client that went away')

    hold.set()
    tap.same(n.get(host='nobody.local').status, 404, 'no service')
    values = numbers(n)
    tap.same(values.get('http.egress.no_route', 0), 1, 'has no route')

    # an address where nobody listens; and none at all
    n.put(document(3, {'a': [free_port()]}, routes=route()))
    n.at('3')
    tap.same(n.get().status, 503, 'nobody listens')
    same(n, {'upstream_cx_connect_fail': 1, 'upstream_rq_total': 3,
             'upstream_rq_5xx': 2})

    n.put(document(4, {'a': []}, routes=route()))
    n.at('4')
    tap.same(n.get().status, 503, 'there is no endpoint')
    same(n, {'upstream_cx_none_healthy': 1, 'upstream_rq_5xx': 3})

    idle(n, 'each end')
    tap.same(http(n, 'rq_total'), 6, 'six requests')


def tries():
    """A time limit of attempts, and no retries left."""
    hold = threading.Event()
    back = Backend('a', raw=lambda s, f, r: hold.wait(20) and False)
    n = sidecar([back.port], workers=1,
                routes=route(2, ['gateway-error'], 15000, 100))
    tap.same(n.get().status, 504, 'three attempts were in vain')
    same(n, {'upstream_rq_per_try_timeout': 3, 'upstream_rq_timeout': 0,
             'upstream_rq_retry': 2, 'upstream_rq_retry_limit_exceeded': 1,
             'upstream_rq_total': 3, 'upstream_rq_5xx': 1})
    idle(n, 'attempts')
    hold.set()


def within():
    """Error pages, subrequests, mirrors: requests within a request."""
    back = Backend('a', lambda r: reply('no', '500 Bad')
                   if r.path == '/bad' else reply('a'))
    n = sidecar([back.port], workers=1, routes=route(), http='''
server {
    listen 127.0.0.1:%d;
    location / { return 200 "page"; }
}''' % free_port(), egress='''
    location /bad {
        mesh_pass egress;
        proxy_intercept_errors on;
        error_page 500 /instead;
    }
    location /named {
        rewrite ^ /bad break;
        mesh_pass egress;
        proxy_intercept_errors on;
        error_page 500 = @named;
    }
    location @named { return 200 "named"; }
    location /mirror { mirror /copy; mesh_pass egress; }
    location = /copy { internal; mesh_pass egress; }
''')

    tap.same(n.get('/bad').status, 500, 'an error page from the mesh')
    same(n, {'upstream_rq_5xx': 1, 'upstream_rq_2xx': 1,
             'upstream_rq_total': 2})
    tap.same((http(n, 'rq_total'), http(n, 'rq_5xx')), (1, 1),
             'is one request of the client')

    tap.same(n.get('/named').text, 'named', 'an error page from elsewhere')
    same(n, {'upstream_rq_5xx': 2, 'upstream_rq_total': 3})
    tap.same((http(n, 'rq_total'), http(n, 'rq_2xx')), (2, 1),
             'is one, too')

    tap.same(n.get('/mirror').status, 200, 'a mirrored request')
    wait(lambda: len(back.requests) == 5)
    same(n, {'upstream_rq_2xx': 3, 'upstream_rq_total': 5})
    idle(n, 'requests within a request')
    tap.same(http(n, 'rq_total'), 4, 'counts as two requests of the mesh')


def upgraded():
    """A WebSocket, both ways, while it is open and afterwards."""
    def raw(s, f, r):
        s.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket'
                  b'\r\nConnection: upgrade\r\n\r\n')
        while True:
            data = s.recv(4096)
            if not data:
                return False
            s.sendall(data * 2)

    back = Backend('a', raw=raw)
    n = sidecar([back.port], workers=1, routes=route())
    head = (b'GET /ws HTTP/1.1\r\nHost: app.local\r\nConnection: upgrade\r\n'
            b'Upgrade: websocket\r\n\r\n')
    with connect(n.egress) as s:
        s.sendall(head)
        answer = s.recv(4096)
        tap.ok(answer.startswith(b'HTTP/1.1 101'), 'it is upgraded', answer)
        tap.same((cluster(n, 'upstream_rq_1xx'),
                  cluster(n, 'upstream_rq_total'),
                  cluster(n, 'upstream_rq_active')), (1, 1, 1),
                 'which counts while it goes on')
        got = b''
        for _ in range(10):
            s.sendall(b'x' * 1000)
            while len(got) % 2000 or not got:
                got += s.recv(65536)
            answer += got
            got = b''
        s.shutdown(socket.SHUT_WR)
        answer += read_all(s)
    idle(n, 'an upgraded connection')
    tap.same(http(n, 'cx_rx_bytes_total'), len(head) + 10000,
             'with what the client sent')
    tap.same(http(n, 'cx_tx_bytes_total'), len(answer), 'and got')
    tap.same(http(n, 'rq_1xx'), 1, 'once')


def pending():
    """Requests that wait for the application, and one too many."""
    release = threading.Semaphore(0)

    def answer(r):
        release.acquire(timeout=30)
        return reply('app')

    app = Backend('app', answer)
    port = free_port()
    doc = document(1, {})
    doc['routes'] = []
    doc['virtualNodes'] = [{'virtualNodeName': 'me', 'spec': {
        'listeners': [{'portMapping': {'port': app.port, 'protocol': 'http'},
                       'connectionPool': {'http': {
                           'maxConnections': 1, 'maxPendingRequests': 2}}}],
        'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}}]
    n = Sidecar(doc, resource='virtualNode/me', http='''
server {
    listen 127.0.0.1:%d;
    location / { mesh_pass ingress; }
}''' % port).start()

    statuses = []
    threads = [threading.Thread(
        target=lambda: statuses.append(request(port).status))
        for _ in range(4)]
    for t in threads:
        t.start()

    name = 'cluster.cds_ingress_m_me_http_%d.upstream_rq_pending_' % app.port

    def value(what):
        return numbers(n).get(name + what, 0)

    tap.ok(wait(lambda: value('active') == 2 and value('overflow') == 1),
           'two wait, one is refused', numbers(n))
    release.release(3)
    for t in threads:
        t.join()
    tap.same(sorted(statuses), [200, 200, 200, 503], 'which is what they got')
    tap.same((value('active'), value('total'), value('overflow')), (0, 2, 1),
             'nobody waits')
    tap.same((http(n, 'rq_2xx', 'ingress'), http(n, 'rq_5xx', 'ingress')),
             (3, 1), 'as the clients see it')
    idle(n, 'who waited')


def reloads():
    """Across reloads under load, and with a document that changes."""
    back = Backend('a')
    n = sidecar([back.port])
    load = Load(n.egress, clients=4)
    load.more(200)
    for i in range(3):
        tap.ok(n.reload(), 'reload %d' % (i + 1))
        n.put(document(2 + i, {'a': [back.port], 'b%d' % i: [back.port]}))
        load.more(100)
    load.stop()
    tap.same(load.failures, [], 'no request failed')
    idle(n, 'reloads')
    tap.same(http(n, 'rq_total'), load.done, 'no request was lost')
    tap.same(http(n, 'rq_2xx'), load.done, 'nor an answer')
    values = numbers(n)
    total = sum(v for k, v in values.items()
                if k.startswith('cluster.') and k.endswith(
                    '.upstream_rq_total'))
    tap.same(total, len(back.requests), 'nor an attempt')
    tap.same(n.bad(), [], 'nothing bad in the log')


def killed():
    """kill -9: what was in flight there is lost, and nothing else."""
    back = Backend('a')
    n = sidecar([back.port])
    load = Load(n.egress, clients=4)

    for i in range(4):
        load.more(100)
        os.kill(n.worker_pids()[0], signal.SIGKILL)
        wait(lambda: len(n.worker_pids()) == 2)
    load.more(200)
    load.stop()

    idle(n, 'kills')
    cut = len(load.failures) + load.resets
    total, good = http(n, 'rq_total'), http(n, 'rq_2xx')

    # of a request that was cut off the answer may have been on its way
    tap.ok(load.done - cut <= good <= load.done + cut,
           'of %d answers no more are lost than were cut off' % load.done,
           'counted: %d, cut off: %d' % (good, cut))
    tap.ok(load.done <= total <= load.done + cut,
           'and no request', 'counted: %d, cut off: %d' % (total, cut))
    tap.ok(cut <= 4 * 4, 'which are as many as there are clients, each time',
           load.failures)


def checks():
    """As many health checks as the endpoint has seen, passed and failed."""
    healthy = [True]
    back = Backend('a', lambda r: reply('ok') if healthy[0]
                   else reply('no', '500 Bad'))
    doc = document(1, {'a': [back.port]})
    doc['virtualNodes'][0]['spec']['listeners'][0]['healthCheck'] = {
        'protocol': 'http', 'path': '/ping', 'healthyThreshold': 2,
        'unhealthyThreshold': 2, 'intervalMillis': 5000,
        'timeoutMillis': 2000}
    n = Sidecar(doc, workers=2).start()

    def seen():
        values = numbers(n)
        return [values.get('cluster.cds_egress_m_a_http_8080.health_check.'
                           + k, 0) for k in ('attempt', 'success', 'failure')]

    tap.ok(wait(lambda: seen()[0] > 0, 15), 'checks are counted', seen())
    attempt, success, failure = seen()
    tap.same((attempt, success, failure),
             (len(back.requests), len(back.requests), 0),
             'as many as the endpoint has seen')
    healthy[0] = False
    tap.ok(wait(lambda: seen()[2] > 0, 20), 'one that failed too', seen())
    attempt, success, failure = seen()
    tap.same(attempt, success + failure, 'attempts are one or the other')


def unlisted():
    """Without a zone, and with one that is too small, traffic is the same."""
    back = Backend('a')
    n = Sidecar(document(1, {'a': [back.port]}), mesh='metrics_zone off;')
    n.start()
    tap.same(n.get().text, 'a', 'metrics_zone off')
    tap.same(http(n, 'rq_total'), 0, 'counts nothing')

    n = Sidecar(document(1, {'a': [back.port]}), mesh='metrics_zone 64k;')
    status, text = n.test()
    tap.ok(status != 0 and '"metrics_zone" of 65536 bytes is too small'
           in text, 'a zone may be too small', text)

    names = ['n%04d-%s' % (i, 'x' * 40) for i in range(2000)]
    routes = [{'virtualRouterName': 'app', 'routeName': 'all', 'spec': {
        'httpRoute': {'match': {'prefix': '/'}, 'action': {
            'weightedTargets': [{'virtualNode': 'a', 'weight': 1}]}}}}]
    nodes = dict({x: [back.port] for x in names}, a=[back.port])
    n = Sidecar(document(1, nodes, routes=routes),
                mesh='metrics_zone 512k;').start()
    n.at('1')
    for _ in range(10):
        n.get()
    idle(n, 'a small zone')
    values = numbers(n)
    total = sum(v for k, v in values.items() if k.startswith('cluster.')
                and k.endswith('.upstream_rq_total'))
    tap.same(total, 10, 'more clusters than fit: the sum is right')
    tap.same(len(n.lines('zone of metrics is full')), 1,
             'and the log says so once')


def single():
    """One process, whose request outlives the zone it was counted in.

    nginx itself takes no connection after a HUP in this mode, and does not
    live longer than 30 s after two of them.
    """
    hold = threading.Event()
    back = Backend('a', lambda r: reply('a' if hold.wait(20) else ''))
    n = sidecar([back.port], workers=1, master=False)
    with connect(n.egress) as s:
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        wait(lambda: len(back.requests) == 1)

        for i, size in enumerate(('4m', '8m', 'off'), 1):
            n.mesh = 'retry_defaults off; metrics_zone %s;' % size
            n.write()
            n.send(signal.SIGHUP)
            wait(lambda: len(n.lines('using the "epoll"')) > i)

        hold.set()
        s.settimeout(2)
        try:
            s.recv(4096)
        except OSError:
            pass
    tap.ok(n.process.poll() is None, 'a single process lives on')
    n.send(signal.SIGQUIT)
    tap.ok(wait(lambda: n.process.poll() is not None), 'and ends')
    tap.same(n.lines('exited on signal|ERROR: .*Sanitizer|runtime error'), [],
             'well')


tap.run(totals, ends, tries, within, upgraded, pending, reloads, killed,
        checks, unlisted, single)
