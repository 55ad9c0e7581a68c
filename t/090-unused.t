#!/usr/bin/env python3
#
# The module that is loaded and not used changes nothing: no byte of a response,
# no descriptor, no timer, and hardly any memory.  The same for a mesh {} that no
# location uses.

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from mesh_test import (MODULES, SANITIZE, Backend, Nginx, Sidecar,
                       descriptors, directory, document, exchange, free_port,
                       rss, tap)

HTTP = '''
upstream back { server 127.0.0.1:%(back)d; keepalive 4; }
server {
    listen 127.0.0.1:%(port)d;
    server_name a;
    location / { return 200 "text"; }
    location /proxy { proxy_pass http://back; }
    location /dead { proxy_pass http://127.0.0.1:%(dead)d; }
    location /page { proxy_pass http://127.0.0.1:%(dead)d; error_page 502 /; }
    location /404 { return 404; }
    location /redirect { return 301 /x; }
    location /root { root %(dir)s; }
    location /mesh { return 200 "$request_uri $upstream_addr"; }
}
'''

REQUESTS = ['GET /', 'HEAD /', 'GET /proxy', 'POST /proxy', 'GET /dead',
            'GET /page', 'GET /404', 'GET /redirect', 'GET /root/file',
            'GET /root/nothing', 'GET /mesh', 'GET //a/../b/./c?d']


def variants(http, **kw):
    """without the module, with it, and with a mesh {} that is not used"""
    mesh = 'mesh m { virtual_node n { listener 80; endpoint 127.0.0.1; } }'
    yield 'without', Nginx(http, modules=False, **kw)
    yield 'loaded', Nginx(http, **kw)
    yield 'mesh {}', Nginx(http, main=mesh, **kw)


def same_bytes():
    a = Backend('a')
    files = directory()
    os.mkdir(files + '/root')
    with open(files + '/root/file', 'w') as f:
        f.write('a file')
    got, fds = {}, {}

    for name, n in variants(HTTP % {'back': a.port, 'dir': files,
                                    'port': free_port(),
                                    'dead': free_port()}, level='error'):
        n.start()
        port = int(re.search(r'listen 127.0.0.1:(\d+)', n.http).group(1))
        pid = n.worker_pids()[0]
        answers = []
        for line in REQUESTS:
            data = exchange(port, ('%s HTTP/1.1\r\nHost: a\r\n'
                                   'Content-Length: 0\r\n'
                                   'Connection: close\r\n\r\n'
                                   % line).encode())
            answers.append(re.sub(rb'\r\nDate: [^\r]*', b'', data))
        got[name] = answers, [(r.line, r.headers) for r in a.requests]
        a.requests.clear()
        fds[name] = descriptors(pid)
        tap.ok(n.stop(), name + ': ends')
        tap.same(n.bad(), [], name + ': no alerts')

    for name in ('loaded', 'mesh {}'):
        tap.same(got[name][0], got['without'][0], name + ': same responses')
        tap.same(got[name][1], got['without'][1], name + ': same requests')
    tap.same([re.sub('mesh-e2e[^/]*', '', x) for x in fds['loaded']],
             [re.sub('mesh-e2e[^/]*', '', x) for x in fds['without']],
             'loaded: the same descriptors')
    tap.same(len(fds['mesh {}']), len(fds['without']),
             'mesh {}: as many descriptors')


def wakeups(pid):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'^voluntary_ctxt_switches:\s+(\d+)', f.read(),
                             re.M).group(1))


def wakeups_in_half(pid):
    """In half a second, of which the machine may make more."""
    begin, before = time.monotonic(), wakeups(pid)
    time.sleep(0.5)
    return (wakeups(pid) - before) * 0.5 / (time.monotonic() - begin)


def cost():
    """An idle worker sleeps."""
    memory, woken = {}, {}
    for name, n in variants('server { listen 127.0.0.1:%d; }' % free_port(),
                            level='error'):
        n.start()
        pid = n.worker_pids()[0]
        time.sleep(0.2)
        # the start may take longer, and be in the first; a timer is in each
        woken[name] = min(wakeups_in_half(pid) for _ in range(3))
        memory[name] = rss(pid)
        n.stop()

    tap.say('KiB: %s, wakeups in half a second: %s' % (memory, woken))
    tap.ok(woken['loaded'] <= woken['without'], 'loaded: no timer', woken)
    tap.ok(woken['mesh {}'] <= 15, 'mesh {}: one of 50 ms', woken)
    if SANITIZE:
        tap.skip('memory', 'a sanitizer needs more')
    else:
        tap.ok(memory['loaded'] - memory['without'] < 1024,
               'loaded: less than a megabyte', memory)
        tap.ok(memory['mesh {}'] - memory['without'] < 2048,
               'mesh {}: less than two', memory)


def without_http():
    for name, n in variants(None):
        n.start()
        time.sleep(0.1)
        tap.same(len(n.worker_pids()), 1, name + ': starts without http {}')
        tap.ok(n.reload(), name + ': reloads')
        tap.ok(n.stop(), name + ': ends')
        tap.same(n.bad(), [], name + ': no alerts')

    # a control plane is followed all the same, which costs and breaks nothing
    keep = directory()
    with open(keep + '/mesh.json', 'w') as f:
        f.write('{}')
    n = Nginx(None, main='mesh m { control_plane file:%s/mesh.json '
              'interval=10ms; }' % keep).start()
    tap.ok(n.logged('rejected'), 'mesh {} without http {}')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def comes_and_goes():
    """mesh {} that a reload adds and removes."""
    a = Backend('a')
    n = Sidecar(document(1, {'a': [a.port]}), workers=2)
    with_mesh = Sidecar.write
    plain = 'server { listen 127.0.0.1:%d; return 200 "plain"; }' % n.egress

    def without(n):
        n.main, n.http = '', plain
        Nginx.write(n)

    n.write = lambda: without(n)
    n.start()
    tap.same(n.get().text, 'plain', 'without')
    for _ in range(3):
        n.write = lambda: with_mesh(n)
        tap.ok(n.reload() and n.at('1'), 'a reload adds mesh {}', n.errors(5))
        tap.same(n.get().text, 'a', 'which works')
        n.write = lambda: without(n)
        tap.ok(n.reload(), 'a reload removes it')
        tap.same(n.get().text, 'plain', 'and all is as before')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


if not MODULES:
    tap.skip_all('the module is part of this binary')

tap.run(same_bytes, cost, without_http, comes_and_goes)
