#!/usr/bin/env python3
#
# What is in the lines of the access log of the spec: whole lines of the formats
# that App Mesh's users have, each response flag by a request that went wrong
# that way, connections, certificates, gRPC.

import hashlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))

import mesh_h2
from mesh_test import (Backend, Sidecar, connect, directory, document,
                       free_port, listen_http2, node, read_all, reply, request,
                       tap, wait)

TIME = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z'
UUID = r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

# as CloudWatch Logs Insights takes the default line apart
INSIGHTS = re.compile(
    r'\[(?P<StartTime>.*?)\] "(?P<method>\S+) (?P<path>\S+) (?P<protocol>\S+)"'
    r' (?P<ResponseCode>\S+) (?P<ResponseFlags>\S+) (?P<BytesReceived>\S+) '
    r'(?P<BytesSent>\S+) (?P<DurationMillis>\S+) '
    r'(?P<UpstreamServiceTimeMillis>\S+) "(?P<ForwardedFor>.*?)" '
    r'"(?P<UserAgent>.*?)" "(?P<RequestId>.*?)" "(?P<Authority>.*?)" '
    r'"(?P<UpstreamHost>.*?)"\n')


class Proxy:
    """A sidecar with an application, whose egress leads to its own ingress."""

    def __init__(self, app=None, protocol='http', listen='', http='',
                 nodes=None, route=None, listener=None, own=None, mesh='',
                 **form):
        self.app = app or Backend(answer=lambda r: reply('hello\n'))
        self.path = directory() + '/access.log'
        self.ingress = free_port()
        log = {'path': self.path}
        if form:
            log['format'] = form
        doc = document(1, nodes or {'a': [self.ingress]}, protocol)
        doc['routes'][0]['spec'][protocol + 'Route'].update(route or {})
        if listener:
            doc['virtualNodes'][0]['spec']['listeners'][0].update(listener)
        me = node('me', ((self.app.port, protocol),))
        me['spec']['listeners'][0].update(own or {})
        me['spec'].update({
            'backends': [{'virtualService': {
                'virtualServiceName': 'app.local'}}],
            'logging': {'accessLog': {'file': log}}})
        doc['virtualNodes'].append(me)
        self.nginx = Sidecar(doc, resource='virtualNode/me', mesh=mesh, http='''
server {
    listen 127.0.0.1:%d %s;
    location / { mesh_pass ingress port=%d; }
}
%s''' % (self.ingress, listen, self.app.port, http)).start()
        self.get = self.nginx.get

    def lines(self, n=1):
        """Once there are n of them, which takes up to a second."""
        wait(lambda: self.count() >= n)
        if not os.path.exists(self.path):
            return []
        with open(self.path, errors='backslashreplace') as f:
            return f.read().splitlines(True)

    def count(self):
        if not os.path.exists(self.path):
            return 0
        with open(self.path, 'rb') as f:
            return f.read().count(b'\n')

    def end(self):
        self.nginx.stop()
        tap.same(self.nginx.bad(), [], 'no alerts')


def default_lines():
    p = Proxy()
    p.get('/cart?id=7', headers={'X-Forwarded-For': '10.0.0.9',
                                 'User-Agent': 'shop/1.0 "x"',
                                 'X-Request-Id': 'id-1'})
    p.get('/cart', method='POST', body='12345')
    lines = sorted(p.lines(4))
    tap.same(len(lines), 4, 'default: a line at egress, one at ingress')
    for host in (p.ingress, p.app.port):
        want = (r'\[%s\] "GET /cart\?id=7 HTTP/1\.1" 200 - 0 6 \d+ \d+ '
                r'"10\.0\.0\.9" "shop/1\.0 "x"" "id-1" "app\.local" '
                r'"127\.0\.0\.1:%d"\n' % (TIME, host))
        tap.ok([x for x in lines if re.fullmatch(want, x)],
               'default: GET, byte for byte, sent to %d' % host, *lines)
        want = (r'\[%s\] "POST /cart HTTP/1\.1" 200 - 5 6 \d+ \d+ '
                r'"-" "-" "%s" "app\.local" "127\.0\.0\.1:%d"\n'
                % (TIME, UUID, host))
        tap.ok([x for x in lines if re.fullmatch(want, x)],
               'default: POST, byte for byte, sent to %d' % host, *lines)
    ids = [INSIGHTS.fullmatch(x).group('RequestId') for x in lines
           if 'POST' in x]
    tap.ok(len(ids) == 2 and ids[0] == ids[1],
           'default: both have the id that was made')
    tap.ok(all(INSIGHTS.fullmatch(x) for x in lines),
           'default: the pattern of the dashboards takes it apart')
    p.end()


def repeated():
    """Of a header that comes several times the first one counts."""
    p = Proxy(text='%REQ(X-FORWARDED-FOR)% %REQ(USER-AGENT)% '
              '%REQ(X-REQUEST-ID)% %REQ(X-OTHER)% '
              '%REQ(X-NONE?X-REQUEST-ID)% '
              '%REQ_WITHOUT_QUERY(X-FORWARDED-FOR)% %UPSTREAM_CLUSTER%\n')
    with connect(p.nginx.egress) as s:
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n'
                  b'X-Forwarded-For: 10.0.0.1?\r\nUser-Agent: one\r\n'
                  b'X-Request-Id: first\r\nX-Other: a\r\n'
                  b'X-Forwarded-For: 10.0.0.2\r\nUser-Agent: two\r\n'
                  b'X-Request-Id: second\r\nX-Other: b\r\n'
                  b'Connection: close\r\n\r\n')
        read_all(s)
    out = [x for x in p.lines(2) if 'egress' in x]
    tap.same([x.split(' cds_')[0] for x in out],
             ['10.0.0.1? one first a first 10.0.0.1'],
             'repeated: the first one counts')
    p.end()


def samples():
    """Formats of the kind that guides to App Mesh show."""
    p = Proxy(text='[%START_TIME%] "%REQ(:METHOD)% '
              '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
              '%RESPONSE_CODE% %RESPONSE_FLAGS% "%UPSTREAM_HOST%" '
              '%UPSTREAM_CLUSTER% %REQ(X-AMZN-TRACE-ID)%\n')
    p.get('/a', headers={'X-Amzn-Trace-Id': 'Root=1-2-3'})
    out = [x for x in p.lines(2) if 'egress' in x]
    tap.ok(out and re.fullmatch(
        r'\[%s\] "GET /a HTTP/1\.1" 200 - "127\.0\.0\.1:%d" '
        r'cds_egress_m_a_http_8080 Root=1-2-3\n' % (TIME, p.ingress), out[0]),
        'samples: text', *out)
    p.end()

    keys = [('startTime', '%START_TIME%'), ('method', '%REQ(:METHOD)%'),
            ('protocol', '%PROTOCOL%'), ('responseCode', '%RESPONSE_CODE%'),
            ('upstream', '%UPSTREAM_HOST%'),
            ('requestId', '%REQ(X-REQUEST-ID)%'),
            ('userAgent', '%REQ(USER-AGENT):5%'),
            ('bytes', '%BYTES_RECEIVED%/%BYTES_SENT%'),
            ('status', '%RESP(:STATUS)%'),
            ('service', '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%'),
            ('duration', '%DURATION%'), ('grpc', '%GRPC_STATUS%'),
            ('tls', '%DOWNSTREAM_TLS_VERSION%'),
            ('trailer', '%TRAILER(X-T)%')]
    p = Proxy(json=[{'key': k, 'value': v} for k, v in keys])
    p.get('/a', headers={'User-Agent': 'browser', 'X-Request-Id': 'i'})
    got = [json.loads(x) for x in p.lines(2)]
    r = [x for x in got if x['upstream'].endswith(str(p.app.port))][0]
    tap.same(list(r), [k for k, _ in keys], 'samples: JSON, keys in order')
    tap.ok(re.fullmatch(TIME, r.pop('startTime')), 'samples: JSON, the time')
    tap.ok(isinstance(r.pop('duration'), int), 'samples: JSON, a number')
    tap.ok(re.fullmatch(r'\d+', r.pop('service')), 'samples: JSON, digits')
    tap.same(r, {'method': 'GET', 'protocol': 'HTTP/1.1',
                 'responseCode': 200,
                 'upstream': '127.0.0.1:%d' % p.app.port, 'requestId': 'i',
                 'userAgent': 'brows', 'bytes': '0/6', 'status': '200',
                 'grpc': None, 'tls': None, 'trailer': None},
             'samples: JSON, values and types')
    p.end()


FLAGS = ('%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%'
         ' %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n')


def retries(n, *events):
    return {'retryPolicy': {
        'maxRetries': n, 'perRetryTimeout': {'unit': 's', 'value': 10},
        'httpRetryEvents': list(events)}}


def one(p, want, name, n=1):
    """The last line, once there are n."""
    lines = p.lines(n)
    tap.same(lines[-1].strip() if lines else '', want, name)
    p.end()


def flags():
    off = 'retry_defaults off;'

    p = Proxy(text=FLAGS)
    p.get('/none', host='nobody.local')
    one(p, '/none 404 NR NoRouteFound route_not_found 0', 'flags: NR')

    p = Proxy(text=FLAGS, nodes={'a': []})
    p.get('/empty')
    one(p, '/empty 503 UH NoHealthyUpstream no_healthy_upstream 0',
        'flags: UH')

    p = Proxy(text=FLAGS, nodes={'a': [free_port()]}, mesh=off)
    p.get('/refused')
    one(p, '/refused 503 UF UpstreamConnectionFailure upstream_reset_before_'
        'response_started{connection_failure} 1', 'flags: UF')

    app = Backend(answer=lambda r: None)
    p = Proxy(text=FLAGS, nodes={'a': [app.port]}, mesh=off)
    p.get('/closed')
    one(p, '/closed 503 UC UpstreamConnectionTermination upstream_reset_before_'
        'response_started{connection_termination} 1', 'flags: UC')

    app = Backend(raw=lambda s, f, r: s.recv(1) and False)
    p = Proxy(text=FLAGS, nodes={'a': [app.port]}, mesh=off, route={
        'timeout': {'perRequest': {'unit': 'ms', 'value': 100}}})
    p.get('/slow')
    one(p, '/slow 504 UT UpstreamRequestTimeout response_timeout 1',
        'flags: UT')

    app = Backend(answer=lambda r: reply('', '503 Later'))
    p = Proxy(text=FLAGS, nodes={'a': [app.port]}, mesh=off,
              route=retries(2, 'server-error'))
    p.get('/again')
    one(p, '/again 503 URX UpstreamRetryLimitExceeded via_upstream 3',
        'flags: URX')

    p = Proxy(text=FLAGS, nodes={'a': [free_port()]}, mesh=off,
              route=dict(retries(1, 'gateway-error'), **{
                  'retryPolicy': {
                      'maxRetries': 1, 'tcpRetryEvents': ['connection-error'],
                      'perRetryTimeout': {'unit': 's', 'value': 10}}}))
    p.get('/both')
    one(p, '/both 503 UF,URX UpstreamConnectionFailure,'
        'UpstreamRetryLimitExceeded upstream_reset_before_response_started'
        '{connection_failure} 2', 'flags: UF,URX')


def flags_of_clients():
    """A client that leaves, and one for whom there is no place."""
    app = Backend(raw=lambda s, f, r: s.recv(1) and False)
    p = Proxy(text=FLAGS, nodes={'a': [app.port]})
    with connect(p.nginx.egress) as s:
        s.sendall(b'GET /gone HTTP/1.1\r\nHost: app.local\r\n\r\n')
        wait(lambda: app.requests)
    one(p, '/gone 0 DC DownstreamConnectionTermination '
        'downstream_remote_disconnect 1', 'flags: DC')

    app = Backend(raw=lambda s, f, r: s.recv(1) and False)
    p = Proxy(app, text=FLAGS, own={'connectionPool': {'http': {
        'maxConnections': 1, 'maxPendingRequests': 1}}})
    first = [connect(p.ingress) for _ in range(2)]
    first[0].sendall(b'GET /1 HTTP/1.1\r\nHost: app.local\r\n\r\n')
    wait(lambda: app.requests)
    first[1].sendall(b'GET /2 HTTP/1.1\r\nHost: app.local\r\n\r\n')
    wait(lambda: any(c.get('rq_pending_active') == '1'
                     for c in p.nginx.clusters().values()))

    def full():
        return request(p.ingress, '/3', host='app.local').status

    tap.same(tries(full), 503, 'flags: the pool is full')
    lines = p.lines()
    tap.same(lines[:1], ['/3 503 UO UpstreamOverflow upstream_reset_before_'
                         'response_started{overflow} 0\n'], 'flags: UO')
    for s in first:
        s.close()
    p.end()


def tries(call):
    try:
        return call()
    except (OSError, socket.timeout):
        return None


def connections():
    fields = ['UPSTREAM_LOCAL_ADDRESS', 'UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
              'UPSTREAM_LOCAL_PORT', 'UPSTREAM_CONNECTION_ID',
              'UPSTREAM_REMOTE_PORT', 'DOWNSTREAM_REMOTE_ADDRESS',
              'CONNECTION_ID', 'ACCESS_LOG_TYPE']
    p = Proxy(json=[{'key': k, 'value': '%%%s%%' % k} for k in fields])
    for _ in range(2):
        p.get()
    got = [json.loads(x) for x in p.lines(4)]
    out = [x for x in got if x['UPSTREAM_REMOTE_PORT'] == p.ingress]
    back = [x for x in got if x['UPSTREAM_REMOTE_PORT'] == p.app.port]
    tap.ok(len(out) == 2 and len(back) == 2, 'connections: all lines')
    tap.ok(sorted(x['UPSTREAM_LOCAL_ADDRESS'] for x in out)
           == sorted(x['DOWNSTREAM_REMOTE_ADDRESS'] for x in back),
           'connections: egress says what ingress sees', *got)
    r = out[0]
    tap.same((r['UPSTREAM_LOCAL_ADDRESS'],
              r['UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT']),
             ('127.0.0.1:%d' % r['UPSTREAM_LOCAL_PORT'], '127.0.0.1'),
             'connections: the address and its parts')
    tap.ok(len({x['UPSTREAM_CONNECTION_ID'] for x in out}) == 1
           and r['UPSTREAM_CONNECTION_ID'] != r['CONNECTION_ID'],
           'connections: one that is kept keeps its number', *out)
    tap.same({x['ACCESS_LOG_TYPE'] for x in got}, {'DownstreamEnd'},
             'connections: the type of the line')
    p.end()

    p = Proxy(nodes={'a': [free_port()]}, text='%UPSTREAM_LOCAL_ADDRESS% '
              '%UPSTREAM_CONNECTION_ID%\n')
    p.get()
    one(p, '- -', 'connections: none was made')


def certificate(path, name, subject, uri):
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-keyout',
         '%s/%s.key' % (path, name), '-out', '%s/%s.crt' % (path, name),
         '-subj', subject, '-days', '2', '-addext',
         'subjectAltName=URI:%s,DNS:app.local' % uri],
        check=True, stderr=subprocess.DEVNULL)
    with open('%s/%s.crt' % (path, name)) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())


def certificates():
    fields = ['DOWNSTREAM_TLS_VERSION', 'REQUESTED_SERVER_NAME',
              'DOWNSTREAM_PEER_SUBJECT', 'DOWNSTREAM_PEER_FINGERPRINT_256',
              'DOWNSTREAM_PEER_URI_SAN', 'DOWNSTREAM_LOCAL_URI_SAN',
              'DOWNSTREAM_LOCAL_SUBJECT', 'DOWNSTREAM_PEER_CERT_V_START',
              'DOWNSTREAM_PEER_CERT_V_END(%Y-%m-%d)', 'DOWNSTREAM_TLS_CIPHER']
    place = directory()
    theirs = certificate(place, 'client', '/O=Shop/CN=client',
                         'spiffe://shop/client')
    certificate(place, 'server', '/CN=server', 'spiffe://shop/server')
    tls = free_port()
    p = Proxy(http='''
server {
    listen 127.0.0.1:%d ssl;
    ssl_certificate      %s/server.crt;
    ssl_certificate_key  %s/server.key;
    ssl_verify_client    optional_no_ca;
    location / { mesh_pass egress; }
}''' % (tls, place, place),
              json=[{'key': k.split('(')[0], 'value': '%%%s%%' % k}
                    for k in fields])

    context = ssl.create_default_context(cafile=place + '/server.crt')
    context.check_hostname = False

    def get():
        with connect(tls) as s, context.wrap_socket(
                s, server_hostname='app.local') as t:
            t.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n'
                      b'Connection: close\r\n\r\n')
            while t.recv(4096):
                pass

    begin = time.time()
    get()
    context.load_cert_chain(place + '/client.crt', place + '/client.key')
    get()
    got = [json.loads(x) for x in p.lines(4)]
    over = [x for x in got if x['DOWNSTREAM_TLS_VERSION']]
    tap.same(len(over), 2, 'certificates: two lines of TLS')
    tap.same([v for x in got if x not in over for v in x.values() if v], [],
             'certificates: nothing of them without TLS')
    anonymous, r = sorted(over, key=lambda x: x['DOWNSTREAM_PEER_SUBJECT']
                          or '')
    tap.same({k for k in anonymous if 'PEER' in k and anonymous[k]}, set(),
             'certificates: nothing of a client without one')
    day = time.gmtime(begin + 2 * 86400)
    tap.ok(re.fullmatch(TIME, r.pop('DOWNSTREAM_PEER_CERT_V_START')),
           'certificates: begin of validity')
    tap.ok(r.pop('DOWNSTREAM_TLS_CIPHER'), 'certificates: the cipher')
    tap.ok(r.pop('DOWNSTREAM_TLS_VERSION') in ('TLSv1.2', 'TLSv1.3'),
           'certificates: the version')
    tap.same(r, {
        'REQUESTED_SERVER_NAME': 'app.local',
        'DOWNSTREAM_PEER_SUBJECT': 'CN=client,O=Shop',
        'DOWNSTREAM_PEER_FINGERPRINT_256': hashlib.sha256(theirs).hexdigest(),
        'DOWNSTREAM_PEER_URI_SAN': 'spiffe://shop/client',
        'DOWNSTREAM_LOCAL_URI_SAN': 'spiffe://shop/server',
        'DOWNSTREAM_LOCAL_SUBJECT': 'CN=server',
        'DOWNSTREAM_PEER_CERT_V_END': time.strftime('%Y-%m-%d', day)},
        'certificates: of both sides')
    p.end()


def grpc():
    if not mesh_h2.AVAILABLE:
        tap.skip('gRPC', 'python3-h2 is not there')
        return

    def answer(call):
        call.receive()
        status = call.path.rsplit('/', 1)[1]
        call.respond([(':status', '200'),
                      ('content-type', 'application/grpc')])
        call.respond([('x-t', '1')] if status == 'none'
                     else [('grpc-status', status)], end=True)

    port = free_port()
    s = mesh_h2.Server(answer)
    p = Proxy(protocol='grpc', nodes={'a': [s.port]}, http="""
server {
    %s
    location / { mesh_pass egress; }
}""" % listen_http2('127.0.0.1:%d' % port), json=[
        {'key': 'path', 'value': '%REQ(:PATH)%'},
        {'key': 'camel', 'value': '%GRPC_STATUS%'},
        {'key': 'snake', 'value': '%GRPC_STATUS(SNAKE_STRING)%'},
        {'key': 'number', 'value': '%GRPC_STATUS_NUMBER%'},
        {'key': 'to', 'value': '%PROTOCOL% %UPSTREAM_PROTOCOL%'},
        {'key': 'trailer', 'value': '%TRAILER(GRPC-STATUS)%'}])
    c = mesh_h2.Client(port)
    want = [('0', 'OK', 'OK', 0), ('5', 'NotFound', 'NOT_FOUND', 5),
            ('16', 'Unauthenticated', 'UNAUTHENTICATED', 16),
            ('99', '99', '99', 99),
            ('none', 'Unknown', 'UNKNOWN', 2)]
    for status, _, _, _ in want:
        c.call('/shop.Cart/' + status, b'x')
    got = [json.loads(x) for x in p.lines(len(want))]
    tap.same(got, [{'path': '/shop.Cart/' + status, 'camel': camel,
                    'snake': snake, 'number': number, 'to': 'HTTP/2 HTTP/2',
                    'trailer': None if status == 'none' else status}
                   for status, camel, snake, number in want],
             'gRPC: each form of the status, one that is unknown, none')
    c.close()
    p.end()


def service_time():
    """The header that the client gets, and what the log says of it."""
    keys = [('path', '%REQ(:PATH)%'), ('attempts',
            '%UPSTREAM_REQUEST_ATTEMPT_COUNT%'), ('duration', '%DURATION%'),
            ('read', '%REQUEST_DURATION%'),
            ('service', '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%')]
    name = 'x-envoy-upstream-service-time'
    cached = free_port()
    left = [5]

    def answer(r):
        if r.path == '/again' and left[0]:
            left[0] -= 1
            return reply('', '503 Later')
        return reply('hello\n')

    app = Backend(answer=answer)
    p = Proxy(nodes={'a': [app.port]}, route=retries(9, 'server-error'),
              json=[{'key': k, 'value': v} for k, v in keys], http='''
proxy_cache_path %s keys_zone=c:1m;
server {
    listen 127.0.0.1:%d;
    location / {
        proxy_buffering on;
        proxy_cache c;
        proxy_cache_key $mesh_virtual_service$mesh_virtual_node$request_uri;
        proxy_cache_valid 200 1h;
        add_header X-Cache $upstream_cache_status;
        mesh_pass egress;
    }
}''' % (directory(), cached))

    def log(path, n=1):
        wait(lambda: sum(path in x for x in p.lines()) >= n)
        return [r for r in map(json.loads, p.lines()) if r['path'] == path]

    r = p.get('/plain')
    tap.same(log('/plain')[0]['service'], r.header(name),
             'service time: the log has what the client got')

    p.get('/again')
    r = log('/again')[0]
    tap.ok(r['attempts'] == 6 and r['read'] < r['duration'] / 2,
           'service time: a request is read before its retries wait', r)

    for _ in range(2):
        r = request(cached, '/cached', host='app.local')
    tap.same((r.header('x-cache'), r.header(name)), ('HIT', None),
             'service time: none of what comes from a cache')
    tap.same([x['service'] is None for x in log('/cached', 2)],
             [False, True], 'service time: nor in the log')
    p.end()


def early_answer():
    """One that comes while the request is still on its way."""
    name = b'x-envoy-upstream-service-time'

    def early(s, f, r):
        s.sendall(reply('early'))
        return s.recv(1 << 16) and False

    p = Proxy(nodes={'a': [Backend(raw=early).port]}, text='%REQ(:PATH)% '
              '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%\n')
    with connect(p.nginx.egress) as s:
        s.sendall(b'POST /early HTTP/1.1\r\nHost: app.local\r\n'
                  b'Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n')
        got = b''
        while b'early' not in got:
            part = s.recv(65536)
            if not part:
                break
            got += part
        tap.ok(got.startswith(b'HTTP/1.1 200') and name not in got.lower(),
               'early: an answer without a time', got)
    one(p, '/early -', 'early: nor has the log')


def sampled():
    """Only those whose trace is recorded."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', 0))
    p = Proxy(text='%REQ(X-N)%\n', mesh='''
xray 127.0.0.1:%d;
access_log_filter sampled;
''' % s.getsockname()[1])
    for i in range(10):
        p.get(headers={'X-N': str(i), 'X-Amzn-Trace-Id':
                       'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=%d'
                       % (i % 2)})
    got = sorted(x.strip() for x in p.lines(10))
    tap.same(got, sorted(list('13579') * 2), 'sampled: those only, both ways')
    s.close()
    p.end()


tap.run(default_lines, repeated, samples, flags, flags_of_clients,
        connections, certificates, grpc, sampled, service_time, early_answer)
