#!/usr/bin/env python3
#
# Defects that were there once.  Each part says what went wrong.

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from mesh_fake_control import FakeControl  # noqa: E402
from mesh_test import (MODULES, NGINX, ROOT, SLOW, Backend, Nginx, Sidecar,
                       alive, connect, document, free_port,
                       listen_http2, read_all, reply, request, tap, wait)

BUILT = subprocess.run([NGINX, '-V'], stderr=subprocess.PIPE,
                       check=True).stderr.decode()


def mesh(*backends, more='', protocol='http'):
    """Directives: the endpoints of app.local."""
    lines = ''.join('endpoint 127.0.0.1:%d;' % (
        b if isinstance(b, int) else b.port) for b in backends)
    return '''%s
virtual_node app { listener 8080 %s; %s }
virtual_service app.local virtual_node=app;
''' % (more, protocol, lines)


def start(directives, **kw):
    return Sidecar(control_plane='none', mesh=directives, **kw).start()


def path_of(r):
    return reply(r.path, headers=[('X-App', 'yes')])


def end(n):
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def curl(*args):
    return subprocess.run(['curl', '-sS', '-m', '60'] + list(args),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                          ).stdout.decode(errors='replace')


def authority():
    """nginx 1.30 has :authority of HTTP/2 outside of the request line, where
    the end of a host was looked for: it was read past its end."""
    a = Backend('a', lambda r: reply(r.header('Host')))
    two, egress, ingress = free_port(), free_port(), free_port()
    Nginx('server { %s location / { return 200 "$http_host"; } }'
          % listen_http2('127.0.0.1:%d' % two)).start()

    n = start('''
virtual_node me { listener %d; dns me.local; backend app.local;
                  backend two.local; }
virtual_node two { listener 8080 http2; endpoint 127.0.0.1:%d; }
virtual_service two.local virtual_node=two;
''' % (a.port, two) + mesh(a), resource='virtualNode/me', http='''
server { %s location / { mesh_pass egress; } }
server { %s location / { mesh_pass ingress; } }
''' % (listen_http2('127.0.0.1:%d' % egress),
            listen_http2('127.0.0.1:%d' % ingress)))

    def get(port, host, path):
        return curl('--http2-prior-knowledge', '-H', 'Host: ' + host,
                    'http://127.0.0.1:%d%s' % (port, path))

    for path in ('/', '/a', '/a/path?with=arguments', '/' + 'x' * 500):
        hosts = ['app.local', 'app.local:8080', 'App.LOCAL', 'two.local',
                 'two.local:8080']
        tap.same([get(egress, host, path) for host in hosts], hosts,
                 'egress forwards :authority, %.10s' % path)
        hosts = ['me.local', 'me.local:80', 'x', 'Any.Thing:1']
        tap.same([get(ingress, host, path) for host in hosts], hosts,
                 'ingress forwards :authority, %.10s' % path)

    tap.same([get(egress, host, '/') for host in
              ('app.loca', 'app.local.x', 'app.locals')], [''] * 3,
             'another name is no service')
    end(n)


class Synopsis(Nginx):
    """The first configuration of the README as it stands there, but for ports
    and paths."""

    def write(self):
        self.ports = getattr(self, 'ports', None) or {
            15001: free_port(), 15000: free_port(), 9901: free_port()}
        with open(ROOT + '/README.md') as f:
            text = re.search(r'```nginx\n(.*?)```', f.read(), re.S).group(1)
        text = re.sub(r'load_module .*', ''.join(
            'load_module %s;' % m for m in MODULES), text)
        for port, other in self.ports.items():
            text = re.sub(r'(listen +(?:127\.0\.0\.1:)?)%d;' % port,
                          r'\g<1>%d;' % other, text)
        if not hasattr(self, 'control'):
            self.control = FakeControl()
            with open(ROOT + '/conf/examples/ordering.json', 'rb') as f:
                self.control.put(f.read())
        for name, other in (('http://mesh.internal:9080', self.control.url()),
                            ('/var/lib/nginx/mesh', self.path('state')),
                            ('/var/log/nginx', self.path('logs')),
                            (' mesh_params', ' %s/conf/mesh_params' % ROOT)):
            text = text.replace(name, other)
        if self.user:
            text = 'user %s;\n' % self.user + text
        text = 'daemon off;\npid nginx.pid;\nerror_log logs/error.log;\n' \
            + text
        with open(self.path('nginx.conf'), 'w') as f:
            f.write(text)


def synopsis():
    """A worker that logged a request for an admin page with the variables of
    the mesh took the state of the page for that of a proxied request."""
    n = Synopsis()
    n.start()
    workers = n.worker_pids()
    admin = n.ports[9901]

    wait(lambda: request(admin, '/ready').status == 200)
    for path in ('/', '/ready', '/server_info', '/clusters', '/config_dump',
                 '/listeners'):
        got = [request(admin, path, method=method).status
               for method in ('GET', 'HEAD', 'GET')]
        tap.same(got, [200] * 3, 'the Synopsis: ' + path)
    tap.same((request(admin, '/nothing').status,
              request(admin, '/ready', method='POST').status), (404, 405),
             'and what is no page')
    tap.same(request(n.ports[15001], '/', host='nowhere.local').status, 404,
             'a request for no service')

    with open(n.path('logs/mesh.log')) as f:
        lines = f.read().splitlines()
    tap.ok(any('/clusters' in line for line in lines), 'they are logged',
           '\n'.join(lines))
    tap.ok(set(workers) <= set(n.worker_pids()), 'by the same workers')
    end(n)


def blocks():
    """Within "if" and "limit_except", mesh_pass was not known, and the worker
    crashed or asked the wrong handler."""
    a = Backend('a', lambda r: reply(r.method + ' ' + r.path))
    config = '''
location /if { mesh_pass %(to)s; if ($http_x_a) { set $a 1; } }
location /header {
    mesh_pass %(to)s;
    set $a 0;
    if ($http_x_a) { set $a 1; }
    if ($http_x_b) { set $a 2; }
    add_header X-A $a;
}
location /limit { mesh_pass %(to)s; limit_except GET { allow all; } }
location /deny { mesh_pass %(to)s; limit_except GET { deny all; } }
location /both {
    mesh_pass %(to)s;
    if ($http_x_a) { set $a 1; }
    limit_except GET { allow all; }
}
'''
    ingress = free_port()
    me = '''
resource virtualNode/me;
virtual_node me { listener %d; dns me.local; backend app.local; }
''' % a.port

    for name, more, ports in (
            ('no resource', '', ['egress']),
            ('a resource', me, ['egress', 'ingress'])):
        n = start(mesh(a, more=more), egress=config % {'to': 'egress'},
                  http='server { listen 127.0.0.1:%d; %s }' % (
                      ingress, config % {'to': 'ingress'}))

        for to in ports:
            port = n.egress if to == 'egress' else ingress

            def get(path, method='GET', **headers):
                r = request(port, path, method, 'app.local', {
                    k.replace('_', '-'): v for k, v in headers.items()})
                return r.status, r.text

            where = ', %s, %s' % (to, name)
            tap.same([get('/if/x?y'), get('/if/x?y', X_A='1'),
                      get('/if/x?y', 'POST', X_A='1')],
                     [(200, 'GET /if/x?y')] * 2 + [(200, 'POST /if/x?y')],
                     'if' + where)
            got = [request(port, '/header', host='app.local', headers=h)
                   for h in ({}, {'X-A': '1'}, {'X-A': '1', 'X-B': '1'})]
            tap.same([(r.status, r.header('X-A')) for r in got],
                     [(200, '0'), (200, '1'), (200, '2')], 'two of' + where)
            tap.same([get('/limit/x', m) for m in ('GET', 'POST', 'PUT')],
                     [(200, m + ' /limit/x') for m in ('GET', 'POST', 'PUT')],
                     'limit_except' + where)
            tap.same((get('/deny'), get('/deny', 'POST')[0]),
                     ((200, 'GET /deny'), 403), 'one that denies' + where)
            tap.same([get('/both', m, X_A='1') for m in ('GET', 'POST')],
                     [(200, 'GET /both'), (200, 'POST /both')],
                     'both' + where)

        end(n)


def deadly():
    """nginx does not count an idle connection that fails as an attempt: a
    request that kills its endpoint went to every endpoint that had one."""
    backends = [Backend('b', lambda r: reply('b') if r.method == 'GET'
                        else None) for _ in range(10)]
    n = start(mesh(*backends))

    def warm():
        for _ in range(40):
            n.get()
        return len([b for b in backends if b.open])

    def sent(method):
        return sum(r.method == method for b in backends for r in b.requests)

    for method in ('PUT', 'DELETE'):
        tap.same(warm(), 10, 'idle connections to all')
        r = n.get('/die', method=method)
        tap.same(r.status, 503, method + ' fails')
        tap.ok(2 <= sent(method) <= 4, 'after four times at most',
               sent(method))

    tap.same(warm(), 10, 'idle connections to all')
    tap.same((n.get('/die', method='POST').status, sent('POST')), (503, 3),
             'POST as often as its policy says')
    end(n)


def repeated():
    """What is sent again, and how often, is said by the mesh alone."""
    def silent(s, f, r):
        mute[0].append(r.method)
        time.sleep(1)
        return False

    mute = [[]]
    ends = [Backend('e', lambda r: None) for _ in range(5)]
    mutes = [Backend('m', raw=silent) for _ in range(5)]
    fives = [Backend('f', lambda r: reply('five', '503 Busy'))
             for _ in range(5)]
    dead = [free_port() for _ in range(5)]
    n = start(mesh(*ends) + '''
virtual_node mute { listener 8080; %s }
virtual_node five { listener 8080; %s }
virtual_node dead { listener 8080; %s }
virtual_service mute.local virtual_node=mute;
virtual_service five.local virtual_node=five;
virtual_service dead.local virtual_node=dead;
''' % tuple(''.join('endpoint 127.0.0.1:%d;' % port for port in ports)
            for ports in ([b.port for b in mutes], [b.port for b in fives],
                          dead)), egress='''
add_header X-Upstream $upstream_addr always;
proxy_read_timeout 200ms;
location /off { mesh_pass egress; proxy_next_upstream off; }
location /two { mesh_pass egress; proxy_next_upstream_tries 2; }
''')

    def tries(method, host, path='/'):
        r = n.get(path, host, method=method)
        return r.status, len(r.header('X-Upstream').split(', '))

    for method in ('GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'POST', 'PATCH',
                   'LOCK'):
        for b in ends:
            b.requests.clear()
        tap.same((tries(method, 'app.local'),
                  sum(len(b.requests) for b in ends)), ((503, 3), 3),
                 '%s that breaks off is sent three times' % method)

    tap.same([tries('GET', 'mute.local'), tries('POST', 'mute.local')],
             [(503, 3), (503, 3)],
             'closed later than proxy_read_timeout')
    tap.same([tries('GET', 'five.local'), tries('POST', 'five.local')],
             [(503, 3), (503, 3)], 'with 503')
    tap.same([tries('GET', 'app.local', '/off'),
              tries('GET', 'dead.local', '/off'),
              tries('GET', 'app.local', '/two')],
             [(503, 3), (503, 3), (503, 3)],
             'whatever proxy_next_upstream says')
    tap.same([tries('GET', 'dead.local'), tries('POST', 'dead.local')],
             [(503, 3), (503, 3)], 'a closed port, whatever the method')
    end(n)


def rewritten():
    """What was forwarded was the request target that came: neither "rewrite"
    nor a subrequest had a path of its own."""
    a = Backend('a', path_of)
    n = start(mesh(a), egress='''
location /rw { rewrite ^/rw(.*) /rewritten$1 break; mesh_pass egress; }
location /args { rewrite ^/args(.*) /with$1?x=1 break; mesh_pass egress; }
location /drop { rewrite ^/drop(.*) /without$1? break; mesh_pass egress; }
location /last { rewrite ^/last(.*) /other$1 last; }
''')

    for path, want in (
            ('/rw/x', '/rewritten/x'),
            ('/rw', '/rewritten'),
            ('/rw/x?a=b', '/rewritten/x?a=b'),
            ('/rw/x?a=%20b&c=/../d', '/rewritten/x?a=%20b&c=/../d'),
            ('/rw/a%20b%3Fc%25d%23e%C3%A9',
             '/rewritten/a%20b%3Fc%25d%23e%C3%A9'),
            ('/rw/a%3Fb?c', '/rewritten/a%3Fb?c'),
            ('/rw/a%23b?c', '/rewritten/a%23b?c'),
            ('/rw/a/../../rw/b', '/rewritten/b'),
            ('/args/y', '/with/y?x=1'),
            ('/args/y%20z?a=b', '/with/y%20z?x=1&a=b'),
            ('/drop/y?a=b', '/without/y'),
            ('/drop/a%3Fb?a=b', '/without/a%3Fb'),
            ('/last/y%20?a=b', '/other/y%20?a=b'),
            ('/other/y%2fz?a', '/other/y%2fz?a')):
        tap.same(n.get(path).text, want, 'rewrite of ' + path)

    end(n)


def page(n, *included):
    os.makedirs(n.path('html/page'), exist_ok=True)
    with open(n.path('html/page/x.html'), 'w') as f:
        f.write('|'.join('<!--# include virtual="%s" -->' % uri
                         for uri in included))


def includes():
    """See above; and the empty answers of the mesh itself to a subrequest were
    "zero size buf" alerts, with the connection closed."""
    if '--without-http_ssi_module' in BUILT:
        tap.skip('includes', 'no SSI')
        return

    a = Backend('a', path_of)
    n = start(mesh(a) + '''
virtual_node dead { listener 80; endpoint 127.0.0.1:%d; }
virtual_service dead.local virtual_node=dead;
virtual_service none.local;
''' % free_port(), egress='''
location /page/ { root html; ssi on; }
location /mesh/ { mesh_admin; }
''')
    page(n, '/inc/one', '/inc/two?x=y', '/inc/a%20b%3Fc?d')
    tap.same(n.get('/page/x.html?main').text,
             '/inc/one|/inc/two?x=y|/inc/a%20b%3Fc?d', 'includes')

    for host, text in (('nowhere.local', '|'), ('none.local', '|'),
                       ('dead.local', None)):
        page(n, '/inc/one', '/inc/two')
        r = n.get('/page/x.html', host)
        tap.ok(r.status == 200 and (text is None or r.text == text),
               'includes of ' + host, r.status, r.text)

    page(n, '/mesh/ready', '/mesh/clusters', '/mesh/nothing')
    got = n.get('/page/x.html').text
    tap.ok(got.startswith('LIVE\n|') and 'cds_egress' in got,
           'includes of admin pages', got)
    tap.same(n.lines('zero size buf'), [], 'no empty buffers')
    end(n)


def authorized():
    """See above, for auth_request."""
    if '--with-http_auth_request_module' not in BUILT:
        tap.skip('authorized', 'no auth_request')
        return

    def answer(r):
        if r.path.startswith('/auth') and r.header('X-Deny'):
            return reply('no', '403 Forbidden')
        return path_of(r)

    a = Backend('a', answer)
    n = start(mesh(a), egress='''
location /private { auth_request /auth; mesh_pass egress; }
location /auth { internal; mesh_pass egress; }
''')
    tap.same((n.get('/private/x?y').text, [r.path for r in a.requests]),
             ('/private/x?y', ['/auth', '/private/x?y']), 'auth_request')
    a.requests.clear()
    tap.same((n.get('/private/x', headers={'X-Deny': '1'}).status,
              [r.path for r in a.requests]), (403, ['/auth']),
             'that is refused')
    end(n)


def fallback():
    """The answer of an application that an error page led to was taken for
    nginx's own, and replaced by that of the mesh."""
    a = Backend('a', path_of)
    dead = free_port()
    n = start(mesh(a) + '''
virtual_node dead { listener 8080; endpoint 127.0.0.1:%d; }
virtual_service dead.local virtual_node=dead;
''' % dead, egress='''
add_header X-Flags $mesh_response_flags always;
location /ep { proxy_pass http://127.0.0.1:%d; error_page 502 /fallback; }
location /is { proxy_pass http://127.0.0.1:%d; error_page 502 = /fallback; }
location /403 { error_page 403 /fallback; return 403; }
location /mesh {
    mesh_pass egress;
    error_page 502 /fallback;
    proxy_next_upstream off;
}
location /fallback { mesh_pass egress; }
''' % (dead, dead))

    def get(path, host='app.local'):
        r = n.get(path, host)
        return r.status, r.text, r.header('X-App'), r.header('X-Flags')

    tap.same(get('/ep'), (502, '/fallback', 'yes', '-'), 'error_page')
    tap.same(get('/is'), (200, '/fallback', 'yes', '-'), 'error_page =')
    tap.same(get('/403'), (403, '/fallback', 'yes', '-'), 'of a return')

    status, text, app, flags = get('/ep', 'dead.local')
    tap.ok(text.endswith('connection failure') and flags == 'UF,URX',
           'a fallback that fails', status, text, flags)
    tap.same(get('/ep', 'nowhere.local')[1:], ('', None, 'NR'),
             'a fallback to no service')

    # the mesh itself, first a failure, then an answer
    a.answer = lambda r: path_of(r) if r.path == '/fallback' else None
    tap.same(get('/mesh')[1:], ('/fallback', 'yes', '-'), 'of mesh_pass')
    end(n)


KEY = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n'


def upgrades():
    """HTTP2-Settings and Proxy-Connection, which are for the next hop, were
    forwarded; Connection and Upgrade belong to a WebSocket alone."""
    def serve(s, f, r):
        if r.header('Upgrade') and r.path != '/die':
            s.sendall(b'HTTP/1.1 101 Switching Protocols\r\n'
                      b'Connection: upgrade\r\nUpgrade: websocket\r\n\r\n'
                      b'hello')
            s.sendall(f.readline().upper())
            return False
        if r.path == '/die':
            return False
        s.sendall(reply('plain'))
        return True

    a = Backend('a', raw=serve)
    n = start(mesh(a), egress='''
location = /die { mesh_pass egress; error_page 502 = /again; }
''')

    def sent(headers, path='/', version='1.1', close=True):
        a.requests.clear()
        with connect(n.egress) as s:
            s.sendall(('GET %s HTTP/%s\r\nHost: app.local\r\n%s\r\nping\n' % (
                path, version, headers)).encode())
            s.settimeout(1 if not close else 20 * SLOW)
            data = read_all(s)
        return data, [[v for k, v in a.requests[-1].headers
                       if k.lower() == name] for name in
                      ('connection', 'upgrade', 'http2-settings',
                       'proxy-connection')]

    for connection, upgrade in (('Upgrade', 'websocket'),
                                ('keep-alive, Upgrade', 'websocket'),
                                ('upgrade', 'WebSocket')):
        for path in ('/', '/die'):
            data, got = sent('Connection: %s\r\nUpgrade: %s\r\n%s' % (
                connection, upgrade, KEY), path)
            tap.same(got, [['upgrade'], [upgrade], [], []],
                     'WebSocket, %s, %s %s' % (connection, upgrade, path))
            tap.ok(data.startswith(b'HTTP/1.1 101 ')
                   and data.endswith(b'helloPING\n'), 'is one', data)

    old = ('Connection: close, Upgrade\r\nProxy-Connection: close\r\n'
           'HTTP2-Settings: AAMAAABkAAQAAP__\r\n')
    data, got = sent(old + 'Upgrade: h2c\r\n')
    tap.same(got, [[], [], [], []], 'h2c is not forwarded')
    tap.ok(data.endswith(b'plain'), 'but answered', data)
    data, got = sent(old + 'Upgrade: websocket\r\n')
    tap.same(got, [['upgrade'], ['websocket'], [], []],
             'nor is Proxy-Connection with a WebSocket')
    data, got = sent('Connection: close\r\n')
    tap.same(got, [[], [], [], []], 'a plain request')
    data, got = sent('Connection: close, HTTP2-Settings\r\n'
                     'Proxy-Connection: keep-alive\r\nHTTP2-Settings: x\r\n')
    tap.same(got, [[], [], [], []], 'a plain one with Proxy-Connection')
    data, got = sent('Connection: Upgrade\r\nUpgrade: websocket\r\n' + KEY,
                     version='1.0')
    tap.same(got, [[], [], [], []], 'HTTP/1.0 has no upgrades')
    end(n)


def slow_reader(port, path):
    """A socket on which most of a page is still to come."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(20 * SLOW)
    s.connect(('127.0.0.1', port))
    s.sendall(b'GET %s HTTP/1.1\r\nHost: a\r\n\r\n' % path.encode())
    s.recv(10)
    return s


def gone_reader():
    """A page that was being written when its reader left was held, with its
    snapshot, until a time limit."""
    a = Backend('a')
    many = {'n%d' % i: [a.port] for i in range(3000)}

    def big(ver):
        routes = document(ver, {'a': [a.port]})['routes']
        return document(ver, dict(many, a=[a.port]), routes=routes)

    for name, more, leave in (
            ('resets', '', 'reset'), ('closes', '', 'close'),
            ('resets with limit_rate', 'limit_rate 10; send_timeout 60s;',
             'reset'),
            ('closes with limit_rate', 'limit_rate 10; send_timeout 60s;',
             'close')):
        admin = free_port()
        n = Sidecar(big(1), http='''
server {
    listen 127.0.0.1:%d sndbuf=16k;
    location / { mesh_admin; %s }
}
''' % (admin, more)).start()
        tap.ok(n.at('1'), 'a large document')

        readers = [slow_reader(admin, path)
                   for path in ('/config_dump', '/clusters')]

        n.put(big(2))
        tap.ok(n.at('2'), 'another one')
        tap.ok(wait(lambda: n.info()['worker']['snapshots'] == 2),
               'the readers hold one')

        for s in readers:
            if leave == 'reset':
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack('ii', 1, 0))
            s.close()
        tap.ok(wait(lambda: n.info()['worker']['snapshots'] == 1),
               'a reader that %s leaves nothing' % name)
        tap.ok(n.stop(timeout=8), 'quits at once')
        tap.same(n.bad(), [], 'no alerts')


def dropped():
    """With one process and no master, connections live on when the mesh is
    gone from the configuration: an admin page asked for on one of them was
    made without a mesh, and crashed."""
    def receive(s):
        try:
            return s.recv(65536)
        except ConnectionResetError:
            return b''

    def gone():
        # nginx itself accepts no connections any more then
        try:
            connect(n.egress).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return None         # it is just being closed: ask again

    a = Backend('a', path_of)
    n = start(mesh(a), master=False)
    head = b' HTTP/1.1\r\nHost: app.local\r\n\r\n'

    kept = []
    for to, path in ((n.egress, b'/x'), (n.admin, b'/ready'),
                     (n.admin, b'/clusters'), (n.admin, b'/server_info')):
        s = connect(to)
        s.sendall(b'GET ' + path + head)
        tap.ok(b' 200 OK' in receive(s), 'before')
        kept.append((s, path))

    n.main, n.http = '', 'server { listen 127.0.0.1:%d; }' % free_port()
    Nginx.write(n)
    n.send(signal.SIGHUP)
    tap.ok(wait(gone), 'the mesh is gone')

    for s, path in kept:
        s.sendall(b'GET ' + path + head)
        data = receive(s)
        tap.ok(data.startswith(b'HTTP/1.1 503 '), 'after', data)
        s.close()

    tap.ok(alive(n.pid), 'it is alive')
    n.stop()
    tap.same(n.process.returncode, 0, 'ends')
    tap.same(n.bad(), [], 'no alerts')


def under_way():
    """See above: what is under way then used the shared memory of the mesh,
    which was not there any more."""
    def answer(r):
        if r.path in ('/slow', '/again'):
            time.sleep(1)
        return None if r.path == '/again' else path_of(r)

    def receive(s):
        try:
            return s.recv(1000)
        except ConnectionResetError:
            return b''

    def gone():
        # nginx itself accepts no connections any more then
        try:
            connect(n.egress).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return None         # it is just being closed: ask again

    a, b = Backend('a', answer), Backend('b', answer)
    many = ''.join('endpoint 10.0.%d.%d;' % (i, j)
                   for i in range(16) for j in range(1, 255))
    admin = free_port()
    n = start(mesh(a, b) + """
virtual_node big { listener 8080; %s }
virtual_service big.local virtual_node=big;
""" % many, master=False, http="""
server { listen 127.0.0.1:%d sndbuf=16k; location / { mesh_admin; } }
""" % admin)
    head = b' HTTP/1.1\r\nHost: app.local\r\n\r\n'

    kept = []
    for to, path in ((n.egress, b'/x'), (n.admin, b'/ready'),
                     (n.admin, b'/listeners')):
        s = connect(to)
        s.sendall(b'GET ' + path + head)
        tap.ok(b' 200 OK' in receive(s), 'before')
        kept.append((s, path))

    slow = []
    for path in (b'/slow', b'/again'):
        s = connect(n.egress)
        s.sendall(b'GET ' + path + head)
        slow.append(s)
        wait(lambda: any(r.path.encode() == path
                         for r in a.requests + b.requests))

    readers = [slow_reader(admin, path)
               for path in ('/clusters', '/config_dump')]

    n.main, n.http = '', 'server { listen 127.0.0.1:%d; }' % free_port()
    Nginx.write(n)
    n.send(signal.SIGHUP)
    tap.ok(wait(gone), 'the mesh is gone')

    for s, path in kept:
        s.sendall(b'GET ' + path + head)
        data = receive(s)
        tap.ok(data == b'' or data.startswith(b'HTTP/1.1 '), 'after', data)
        s.close()
    for s, want in zip(slow, (b' 200 OK', b' 50')):
        data = receive(s)
        tap.ok(want in data, 'what was under way', data)
        s.close()
    for s in readers:
        data = b''
        while True:
            part = receive(s)
            data += part
            if not part or data.endswith(b'\r\n0\r\n\r\n'):
                break
        tap.ok(data.endswith(b'\r\n0\r\n\r\n'),
               'a page that was being read', data[-200:])
        s.close()

    tap.ok(alive(n.pid), 'it is alive')
    n.stop()
    tap.same(n.process.returncode, 0, 'ends')
    tap.same(n.bad(), [], 'no alerts')


def idle():
    """Idle connections share one timer, which neither forgets one nor closes
    one that was used a moment ago."""
    a, b = Backend('a'), Backend('b')
    n = start(mesh(a, b, more='keepalive 8 timeout=3s;'))

    def used_by(times):
        """Before and after the requests."""
        begin = time.monotonic()
        for _ in range(times):
            n.get()
        return begin, time.monotonic()

    def closed(backend, used, name):
        """Neither before its time, nor a second one later."""
        tap.ok(wait(lambda: not backend.open), name)
        now = time.monotonic()
        tap.ok(now - used[0] > 2.95 and now - used[1] < 3 + 2.7 * SLOW,
               'after about three seconds', now - used[0])

    began = time.monotonic()
    while time.monotonic() - began < 6.5:
        last = used_by(2)
        time.sleep(0.2)
    tap.same((a.connections, b.connections), (1, 1),
             'connections in use are kept')

    time.sleep(0.4)
    tap.ok(a.open and b.open, 'and a while after')
    later = used_by(1)
    used = a if len(a.requests) > len(b.requests) else b
    closed(b if used is a else a, last, 'the one that is idle is closed')
    closed(used, later, 'and the other')
    tap.same(n.info()['worker']['idle_connections'], 0, 'none is left')

    # the timer stopped, and starts again
    now = used_by(2)
    closed(a, now, 'once more')
    closed(b, now, 'both')
    end(n)


def cached():
    """The default key of proxy_cache is the same for all services, so that
    one was answered with what another had said: there is a warning now."""
    a, b = Backend('a'), Backend('b')
    services = mesh(a) + '''
virtual_node other { listener 8080; endpoint 127.0.0.1:%d; }
virtual_service other.local virtual_node=other;
''' % b.port
    n = Sidecar(control_plane='none', mesh=services,
                http='proxy_cache_path cache keys_zone=c:1m;',
                location='''
        proxy_cache        c;
        proxy_cache_valid  200 1m;
        proxy_cache_key    $mesh_virtual_service$mesh_virtual_node$request_uri;
''')
    status, text = n.test()
    tap.same(status, 0, 'the configuration is accepted')
    tap.ok(re.search(r'\[warn\].*"proxy_cache" in a location with "mesh_pass" '
                     r'mixes virtual services', text), 'with a warning', text)
    n.location = ''
    status, text = n.test()
    tap.ok(status == 0 and '[warn]' not in text, 'without a cache: none', text)


tap.run(authority, synopsis, blocks, deadly, repeated, rewritten, includes,
        authorized, fallback, upgrades, gone_reader, dropped,
        under_way, idle, cached)
