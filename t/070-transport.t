#!/usr/bin/env python3
#
# Connections to endpoints, and bytes: what passes through the mesh is what
# would have passed through plain nginx.  Where it is not, applications break in
# ways that their authors cannot see.

import os
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from mesh_test import (Backend, Nginx, Sidecar, connect, document, exchange,
                       free_port, listen_http2, read_all, read_chunks, reply,
                       tap, wait)


def keepalive():
    a = Backend('a')
    n = Sidecar(document(1, {'a': [a.port]})).start()
    n.at('1')

    for _ in range(50):
        n.get()
    tap.same((len(a.requests), a.connections), (50, 1),
             'fifty requests use one connection')
    tap.same(n.info()['worker']['idle_connections'], 1, 'which is idle now')

    n.put(document(2, {'a': [a.port]}))
    n.at('2')
    n.get()
    tap.same(a.connections, 1, 'it survives a change of something else')

    def fetch():
        for _ in range(20):
            n.get()

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.ok(a.connections <= 4, 'four clients use four at most', a.connections)

    b = Backend('b')
    n.put(document(3, {'b': [b.port]}))
    n.at('3')
    tap.ok(wait(lambda: not a.open),
           'those to an endpoint that left are closed')
    tap.same(n.get().text, 'b', 'the other endpoint is used')
    tap.same(n.info()['worker']['idle_connections'], 1, 'alone')

    n.put(document(4, {'b': [dict(ip='127.0.0.1', port=b.port,
                                  healthStatus='UNHEALTHY')]}))
    n.at('4')
    tap.ok(wait(lambda: not b.open), 'and to one that became unhealthy')

    n.put(document(5, {'b': [b.port]}))
    n.at('5')
    n.get()
    tap.ok(b.open, 'one idle connection')
    tap.ok(n.stop(), 'ends with it')
    tap.ok(wait(lambda: not b.open), 'which is closed')
    tap.same(n.bad(), [], 'and not left behind')


def limits():
    a = Backend('a')

    def sidecar(directive):
        n = Sidecar(document(1, {'a': [a.port]}), mesh=directive).start()
        n.at('1')
        a.connections = 0
        return n

    n = sidecar('keepalive 0;')
    for _ in range(5):
        n.get()
    tap.same(a.connections, 5, 'keepalive 0')
    tap.ok(wait(lambda: not a.open), 'keeps nothing')

    n = sidecar('keepalive 8 requests=5;')
    for _ in range(20):
        n.get()
    tap.same(a.connections, 4, 'requests=5')

    n = sidecar('keepalive 8 timeout=100ms;')
    n.get()
    tap.ok(wait(lambda: not a.open), 'timeout=100ms')

    kept_of('keepalive 2;', 6, 2)
    kept_of('', 200, 200)
    # a quarter of 2048 for all, half of that for one
    kept_of('', 300, 256)


def kept_of(directive, clients, kept):
    """So many requests at the same time."""
    gate = threading.Event()
    slow = Backend('s', lambda r: gate.wait(20) and reply('s'))
    n = Sidecar(document(1, {'s': [slow.port]}), mesh=directive).start()
    n.at('1')
    sockets = []
    for _ in range(clients):
        s = connect(n.egress)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n'
                  b'Connection: close\r\n\r\n')
        sockets.append(s)
    wait(lambda: len(slow.requests) == clients)
    gate.set()
    for s in sockets:
        read_all(s)
        s.close()
    tap.same(slow.connections, clients, '%d at the same time' % clients)
    tap.ok(wait(lambda: len(slow.open) == kept),
           '"%s" keeps %d' % (directive, kept), len(slow.open))
    tap.ok(wait(lambda: n.info()['worker']['idle_connections'] == kept),
           'and counts them')

    b = Backend('b')
    n.put(document(2, {'b': [b.port]}))
    n.at('2')
    tap.ok(wait(lambda: not slow.open), 'all are closed without the endpoint',
           len(slow.open))
    tap.same((n.get().text, n.info()['worker']['idle_connections']), ('b', 1),
             'and none is left over')
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad(), [], 'nothing bad is logged')


def stale():
    """A backend closes a connection at the moment it is used again."""
    last = {}

    def once(r):
        # the second request of a connection finds it closed
        if last.get(r.connection):
            return None
        last[r.connection] = True
        return reply('a')

    a = Backend('a', once)
    n = Sidecar(document(1, {'a': [a.port]}),
                mesh='retry_defaults safe;').start()
    n.at('1')
    bad = [r.status for r in (n.get() for _ in range(40)) if r.status != 200]
    tap.same(bad, [], 'each request is answered on another connection')
    c = n.clusters()[('cds_egress_m_a_http_8080', '127.0.0.1:%d' % a.port)]
    tap.same(c['cx_connect_fail'], '0', 'and no endpoint is blamed')
    tap.ok(wait(lambda: n.in_flight() == 0), 'nothing stays in flight')

    last.clear()
    a.close_connections()
    wait(lambda: not a.open)
    last.clear()
    a.requests.clear()
    n.get()
    r = n.get(method='POST', body=b'pay')
    posts = [x for x in a.requests if x.method == 'POST']
    tap.same(len(posts), 1, 'what may have had an effect is not sent again')
    tap.same(r.status, 503, 'but fails')

    # closed while idle: the worker notices and uses none of them
    a.answer = lambda r: reply('a')
    for _ in range(20):
        n.get()
        a.close_connections()
        wait(lambda: n.info()['worker']['idle_connections'] == 0)
    tap.same(n.get(method='POST', body=b'pay').status, 200,
             'a connection closed while idle is not used')

    # a backend that is restarted
    a.close()
    tap.same(n.get().status, 503, 'nobody there')
    tap.ok(wait(lambda: n.in_flight() == 0), 'nothing in flight')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


# what the backend of the differential test answers, by path

BIG = b'0123456789abcdef' * 16384

ANSWERS = {
    '/length': reply('hello'),
    '/empty': reply(''),
    '/204': b'HTTP/1.1 204 No Content\r\n\r\n',
    '/304': b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    '/206': b'HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n'
            b'Content-Range: bytes 0-2/10\r\n\r\nabc',
    '/301': b'HTTP/1.1 301 Moved\r\nLocation: http://app.local/x\r\n'
            b'Content-Length: 0\r\n\r\n',
    '/404': reply('not here', '404 Not Found'),
    '/418': reply('pot', '418 I am a teapot'),
    '/500': reply('broken', '500 Oops'),
    '/502': reply('from the application', '502 Bad Gateway'),
    '/503': reply('busy', '503 Busy', [('Retry-After', '7')]),
    '/chunked': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                b'5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n',
    '/trailers': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'
                 b'Trailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n'
                 b'X-Sum: 5d41\r\n\r\n',
    '/close': b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end',
    '/10': b'HTTP/1.0 200 OK\r\n\r\nold',
    '/cookies': reply('c', headers=[('Set-Cookie', 'a=1'),
                                    ('Set-Cookie', 'b=2; Path=/'),
                                    ('Vary', 'Accept'), ('Vary', 'X')]),
    '/odd': reply('o', headers=[('x_under', '1'), ('X.Dot', '2'),
                                ('x-UPPER', '3'), ('X-Empty', ''),
                                ('X-Accel-Redirect', '/secret'),
                                ('X-Accel-Buffering', 'no'),
                                ('Server', 'mine/1'), ('X-Pad', 'p'),
                                ('X-Long', 'v' * 20000)]),
    '/big': reply(BIG),
    '/bigchunked': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                   + b''.join(b'%x\r\n%s\r\n' % (4096, BIG[i:i + 4096])
                              for i in range(0, len(BIG), 4096))
                   + b'0\r\n\r\n',
}


class Recorder(Backend):
    """Remembers requests as they came, but for how chunks were cut."""

    def __init__(self):
        self.seen = []
        super().__init__('r', raw=self.record)

    def record(self, s, f, r):
        if (r.header('Expect') or '') == '100-continue':
            s.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        if r.header('Transfer-Encoding'):
            r.body = read_chunks(f)
        else:
            r.body = f.read(int(r.header('Content-Length') or 0))
        # mesh_pass adds X-Forwarded-Proto behind what came
        headers = sorted(r.headers,
                         key=lambda h: h[0].lower() == 'x-forwarded-proto')
        self.seen.append((r.line, headers, r.body))
        data = ANSWERS.get(r.path.split('?')[0], reply('other'))
        if r.method == 'HEAD':
            data = data.split(b'\r\n\r\n')[0] + b'\r\n\r\n'
        s.sendall(data)
        return r.path not in ('/close', '/10')


def requests():
    """(name, text)"""
    head = 'Host: app.local\r\nConnection: close\r\n'
    for path in ANSWERS:
        yield 'GET ' + path, 'GET %s HTTP/1.1\r\n%s\r\n' % (path, head)
        yield 'HEAD ' + path, 'HEAD %s HTTP/1.1\r\n%s\r\n' % (path, head)
    for path in ('/length', '/chunked', '/trailers', '/close', '/204'):
        yield ('HTTP/1.0 GET ' + path,
               'GET %s HTTP/1.0\r\nHost: app.local\r\n\r\n' % path)
    for method in ('POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND',
                   'X-OWN'):
        yield (method, '%s /length HTTP/1.1\r\n%sContent-Length: 5\r\n\r\n'
               'abcde' % (method, head))
    yield 'POST of nothing', ('POST /length HTTP/1.1\r\n%sContent-Length: 0'
                              '\r\n\r\n' % head)
    yield 'POST without length', 'POST /length HTTP/1.1\r\n%s\r\n' % head
    yield 'chunked', ('POST /chunked HTTP/1.1\r\n%sTransfer-Encoding: chunked'
                      '\r\n\r\n3\r\nabc\r\n2;e=1\r\nde\r\n0\r\n\r\n' % head)
    yield 'chunked with trailers', (
        'POST /trailers HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n'
        'Trailer: X-Sum\r\nTE: trailers\r\n\r\n3\r\nabc\r\n0\r\n'
        'X-Sum: 1\r\n\r\n' % head)
    yield 'chunked of nothing', (
        'POST /length HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n'
        '0\r\n\r\n' % head)
    yield 'a large body', ('POST /big HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n'
                           '%s' % (head, len(BIG), BIG.decode()))
    yield '100-continue', (
        'POST /length HTTP/1.1\r\n%sExpect: 100-continue\r\n'
        'Content-Length: 5\r\n\r\nabcde' % head)
    yield 'odd headers', (
        'GET /length HTTP/1.1\r\n%sx_under: 1\r\nX.Dot: 2\r\nX-Empty:\r\n'
        'X-Two: a\r\nX-Two: b\r\nCookie: a=1\r\nCookie: b=2\r\n'
        'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n'
        'Accept-Encoding: gzip\r\nKeep-Alive: 5\r\nTE: trailers\r\n'
        'Range: bytes=0-2\r\nIf-None-Match: "x"\r\nAuthorization: B x\r\n'
        'X-Latin: \xe9\r\nX-Long: %s\r\n\r\n' % (head, 'l' * 30000))
    for uri in ('/length?a=b&c=%20d', '/length?', '/a%20b%C3%A9?x=/../y',
                '/' + 'u' * 6000, '/length?q=%00%0a', '/a;b=c', '/a+b@c',
                '/?only=arguments'):
        yield 'URI ' + uri[:30], 'GET %s HTTP/1.1\r\n%s\r\n' % (uri, head)
    yield 'absolute URI', ('GET http://app.local/length HTTP/1.1\r\n%s\r\n'
                           % head)
    yield 'host with a port', ('GET /length HTTP/1.1\r\nHost: app.local:8080'
                               '\r\nConnection: close\r\n\r\n')
    yield 'host in capitals', ('GET /length HTTP/1.1\r\nHost: App.Local\r\n'
                               'Connection: close\r\n\r\n')
    yield 'pipelined', ('GET /length HTTP/1.1\r\nHost: app.local\r\n\r\n'
                        'GET /chunked HTTP/1.1\r\n%s\r\n' % head)
    yield 'no such version', 'GET / HTTP/3.7\r\nHost: app.local\r\n\r\n'
    yield 'both lengths', (
        'POST /length HTTP/1.1\r\n%sContent-Length: 3\r\n'
        'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' % head)
    yield 'an unknown coding', (
        'POST /length HTTP/1.1\r\n%sTransfer-Encoding: gzip\r\n\r\n' % head)


def whole(data):
    """A response but for how its chunks were cut."""
    head, _, body = data.partition(b'\r\n\r\n')
    head = re.sub(rb'\r\nDate: [^\r]*', b'', head)
    if b'Transfer-Encoding: chunked' in head and body:
        joined, rest = b'', body
        while rest:
            size, _, rest = rest.partition(b'\r\n')
            if not re.match(rb'^[0-9a-f]+$', size) or int(size, 16) == 0:
                joined += b'|' + size + b'\r\n' + rest
                break
            count = int(size, 16)
            joined += rest[:count]
            rest = rest[count + 2:]
        body = joined
    return head + b'\r\n\r\n' + body


def differential():
    a = Recorder()
    plain = free_port()
    n = Sidecar(document(1, {'a': [a.port]}), mesh='retry_defaults off; envoy_headers off;',
                http='''
upstream plain {
    server 127.0.0.1:%d;
    keepalive 8;
}
map $http_x_forwarded_proto $forwarded_proto {
    ""       $scheme;
    default  $http_x_forwarded_proto;
}
server {
    listen 127.0.0.1:%d;
    location / {
        proxy_pass http://plain;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        proxy_set_header X-Forwarded-Proto $forwarded_proto;
    }
}
''' % (a.port, plain)).start()
    n.at('1')

    for name, text in requests():
        data = text.encode('latin-1')
        got = []
        for port in (plain, n.egress):
            a.seen.clear()
            answer = whole(exchange(port, data))
            got.append((answer, list(a.seen)))
        good = got[0] == got[1]
        tap.ok(good, name, *([] if good else
               ['nginx: %.1500r' % (got[0],), 'mesh:  %.1500r' % (got[1],)]))

    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def expectation():
    """100 Continue comes before the body is sent."""
    a = Backend('a')
    n = Sidecar(document(1, {'a': [a.port]})).start()
    n.at('1')
    with connect(n.egress) as s:
        s.sendall(b'POST / HTTP/1.1\r\nHost: app.local\r\n'
                  b'Expect: 100-continue\r\nContent-Length: 4\r\n\r\n')
        data = s.recv(100)
        tap.same(data, b'HTTP/1.1 100 Continue\r\n\r\n', '100 Continue')
        s.sendall(b'body')
        tap.ok(b' 200 OK' in s.recv(1000), 'and the response')
    tap.same(a.requests[-1].body, b'body', 'the body arrived')

    # each part of a response is there before the next one is made
    step = threading.Semaphore(0)

    def dribble(s, f, r):
        s.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        for part in (b'one', b'two', b'three'):
            s.sendall(b'%x\r\n%s\r\n' % (len(part), part))
            step.acquire(timeout=20)
        s.sendall(b'0\r\n\r\n')
        return True

    d = Backend('d', raw=dribble)
    n.put(document(2, {'d': [d.port]}))
    n.at('2')
    with connect(n.egress) as s:
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n'
                  b'Connection: close\r\n\r\n')
        data = b''
        for part in (b'one', b'two', b'three'):
            while part not in data:
                more = s.recv(1000)
                if not more:
                    break
                data += more
            step.release()
        data += read_all(s)
    tap.ok(b'three' in data, 'parts of a response are not held back', data)

    # nor are parts of a request
    def parts(s, f, r):
        for _ in range(3):
            f.readline()
            got.append(f.readline())
            step.release()
        f.readline()
        f.readline()
        s.sendall(reply('done'))
        return True

    got = []
    e = Backend('e', raw=parts)
    n.put(document(3, {'e': [e.port]}))
    n.at('3')
    with connect(n.egress) as s:
        s.sendall(b'POST / HTTP/1.1\r\nHost: app.local\r\n'
                  b'Transfer-Encoding: chunked\r\n\r\n')
        for part in (b'one', b'two', b'three'):
            s.sendall(b'%x\r\n%s\r\n' % (len(part), part))
            if not step.acquire(timeout=20):
                break
        s.sendall(b'0\r\n\r\n')
        data = more = s.recv(1000)
        while more and not data.endswith(b'done'):
            more = s.recv(1000)
            data += more
    tap.same((got, data[-4:]), ([b'one\r\n', b'two\r\n', b'three\r\n'],
                                b'done'),
             'parts of a request are not held back')


def curl(*args):
    return subprocess.run(['curl', '-sS', '-m', '60'] + list(args),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                          ).stdout.decode(errors='replace')


def http2():
    h2, back, back2 = free_port(), free_port(), free_port()
    text = 'location / { return 200 "%s $server_protocol $request_method ' \
           '$request_uri $host $http_x_own"; }'
    Nginx('server { listen 127.0.0.1:%d; %s } server { %s %s }' % (
        back, text % 'one', listen_http2('127.0.0.1:%d' % back2),
        text % 'two')).start()

    n = Sidecar(document(1, {'one': [back]}), http='server { %s location / { mesh_pass egress; } }'
                % listen_http2('127.0.0.1:%d' % h2)).start()
    n.at('1')

    base = ['--http2-prior-knowledge', '-H', 'Host: app.local', '-H',
            'x-own: 5']
    url = 'http://127.0.0.1:%d/p?q=1' % h2
    tap.same(curl(*base, url), 'one HTTP/1.1 GET /p?q=1 app.local 5',
             'HTTP/2 to a target of http')
    tap.same(curl(*base, '-I', url).split()[:2], ['HTTP/2', '200'], 'HEAD')

    n.put(document(2, {'two': [back2]}, protocol='http2'))
    n.at('2')
    tap.same(curl(*base, url), 'two HTTP/2.0 GET /p?q=1 app.local 5',
             'HTTP/2 to a target of http2')
    tap.same(curl('-H', 'Host: app.local', '-H', 'x-own: 6',
                  'http://127.0.0.1:%d/p' % n.egress),
             'two HTTP/2.0 GET /p app.local 6', 'HTTP/1.1 to one of http2')
    tap.same(curl(*base, '-I', url).split()[:2], ['HTTP/2', '200'], 'HEAD')

    many = subprocess.run(
        ['h2load', '-n', '2000', '-c', '4', '-m', '16', '-H',
         ':authority: app.local', url], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT).stdout.decode()
    tap.ok(re.search(r'2000 succeeded, 0 failed', many)
           and re.search(r'status codes: 2000 2xx', many),
           '2000 streams, 64 at a time', many)
    tap.ok(wait(lambda: n.in_flight() == 0), 'nothing stays in flight')
    tap.ok(n.info()['worker']['idle_connections'] <= 64,
           'connections are kept, in bounds')
    n.put(document(3, {'one': [back]}))
    n.at('3')
    tap.ok(wait(lambda: n.info()['worker']['idle_connections'] == 0),
           'and closed when the endpoint leaves')
    # a body, to a backend that waits for it before it answers
    a = Backend('a', lambda r: reply('got %d' % len(r.body)))
    n.put(document(4, {'a': [a.port]}))
    n.at('4')
    big = n.path('big')
    with open(big, 'wb') as f:
        f.write(BIG)
    tap.same(curl(*base, '--data-binary', '@' + big, url),
             'got %d' % len(BIG), 'POST')
    tap.same(curl(*base, '-H', 'Content-Length:', '-T', big, url),
             'got %d' % len(BIG), 'PUT')

    tap.same(curl('--http2-prior-knowledge', '-o', '/dev/null', '-w',
                  '%{http_code}', '-H', 'Host: nobody.local', url), '404',
             'an unknown service')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


tap.run(keepalive, limits, stale, differential, expectation, http2)
