#!/usr/bin/env python3
#
# The admin endpoints.  Health checks and operators' tools read them: a page
# that is cut, that is no JSON, or that says LIVE too early misleads them all.

import calendar
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from mesh_test import (Backend, Sidecar, connect, document, endpoint,
                       exchange, free_port, node, read_all, reply, request,
                       tap, wait)

PAGES = ['/', '/clusters', '/config_dump', '/listeners', '/ready',
         '/server_info', '/stats', '/stats/prometheus']


def before_and_after():
    a = Backend('a')
    n = Sidecar(workers=2).start()

    r = n.page('/ready')
    tap.same((r.status, r.text), (503, 'INITIALIZING\n'),
             '/ready without a document')
    tap.ok('    "state": "INITIALIZING",' in n.page('/server_info').text,
           '/server_info without a document')
    tap.ok('version' not in n.info()['worker'],
           'a worker without a document names no version')
    dump = json.loads(n.page('/config_dump').body)
    tap.same(dump['document'], None, '/config_dump without a document')
    tap.ok(n.file in dump['config']['source_error'],
           '/config_dump says what the source lacks')
    r = n.page('/clusters')
    tap.same((r.status, r.body), (200, b''), '/clusters without a document')
    r = n.get()
    tap.same(r.status, 503, 'a request without a document')

    doc = document(7, {'a': [a.port]})
    n.put(doc)
    tap.ok(wait(lambda: n.page('/ready').status == 200),
           '/ready with a document')
    r = n.page('/ready')
    tap.same((r.text, r.header('Content-Type')), ('LIVE\n', 'text/plain'),
             'its text')

    text = n.page('/server_info').text
    tap.ok('\n    "state": "LIVE",\n' in text,
           '"state": "LIVE" is a line of /server_info')
    info = json.loads(text)
    tap.same((info['mesh'], info['resource']), ('m', ''), 'mesh and resource')
    tap.same(info['worker']['version'], '7', 'version in this worker')
    tap.ok(info['worker']['pid'] in n.worker_pids(), 'pid of the worker')
    tap.ok(info['worker']['number'] in (0, 1), 'number of the worker')
    tap.same(info['worker']['snapshots'], 1, 'one snapshot')
    config = info['config']
    tap.same((config['version'], config['source'], config['control_plane']),
             ('7', 'file', 'file:' + n.file), 'version and source')
    tap.same(config['bytes'], len(json.dumps(doc)), 'size')
    tap.ok('source_error' not in config and 'rejected' not in config,
           'nothing went wrong')
    stamp = time.strptime(config['applied'], '%Y-%m-%dT%H:%M:%SZ')
    tap.ok(abs(time.time() - calendar.timegm(stamp)) < 600,
           'time it was applied')

    dump = json.loads(n.page('/config_dump').body)
    tap.same(dump['document'], doc, '/config_dump has the document')
    tap.same(n.page('/config_dump').header('Content-Type'),
             'application/json', 'as JSON')

    doc['mesh']['meshName'] = 'other'
    doc['version'] = '8'
    n.put(doc)
    tap.ok(wait(lambda: 'rejected' in n.info()['config']), 'a refusal shows')
    config = n.info()['config']
    tap.ok('mesh' in config['rejected']['reason'], 'its reason')
    tap.ok('time' in config['rejected'] and config['rejected']['count'] == 1,
           'its time and count')
    tap.same(config['version'], '7', 'the version in force stays')
    dump = json.loads(n.page('/config_dump').body)
    tap.same((dump['document']['version'],
              dump['config']['rejected']['reason']),
             ('7', config['rejected']['reason']), '/config_dump has both')
    tap.same(n.page('/ready').status, 200, '/ready stays after a refusal')

    os.unlink(n.file)
    tap.ok(wait(lambda: 'source_error' in n.info()['config']),
           'a source that is gone shows')
    tap.ok(n.file in n.info()['config']['source_error'], 'with its path')
    tap.ok('rejected' in n.info()['config'], 'the refusal still shows')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def pages():
    a = Backend('a')
    there = free_port()
    n = Sidecar(document(1, {'a': [a.port]}, virtualNodes=[
                    node('a', [(8080, 'http')]), node('me', [(9000, 'http')])]),
                resource='virtualNode/me', http='''
server {
    listen 127.0.0.1:%d;
    location /mesh/ { mesh_admin; }
    location /no-slash { mesh_admin; }
    location = /exact/ready { mesh_admin; }
    location / { return 200 "root"; }
}
server {
    listen 127.0.0.1:%d;
    location / { mesh_pass ingress; }
}
''' % (there, free_port()))
    n.start()
    tap.ok(n.at('1'), 'starts', n.page('/server_info').text)

    r = n.page('/')
    tap.same(r.status, 200, '/')
    tap.same([line.split(':')[0] for line in r.text.splitlines()],
             sorted(PAGES[1:] + ['/drain_listeners']) + PAGES[:1],
             'lists the pages')

    r = n.page('/listeners')
    lines = r.text.splitlines()
    tap.ok('lds_egress_127.0.0.1_%d::127.0.0.1:%d' % (n.egress, n.egress)
           in lines, '/listeners has egress', r.text)
    tap.ok(any(line.startswith('lds_ingress_127.0.0.1') for line in lines),
           'and ingress', r.text)
    tap.same(len(lines), 2, 'and nothing else')

    for path in ('/nothing', '/ready/', '/readyx', '/clusters/a', '//ready2'):
        tap.same(n.page(path).status, 404, '404 for ' + path)

    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS'):
        r = request(n.admin, '/clusters', method=method, body=b'x=1')
        tap.same(r.status, 405, '405 for ' + method)

    for path in PAGES:
        head = request(n.admin, path, method='HEAD')
        get = n.page(path)
        tap.same((head.status, head.body, head.header('Content-Type')),
                 (get.status, b'', get.header('Content-Type')),
                 'HEAD ' + path)
        tap.ok(get.header('Content-Type') in ('text/plain',
                                              'text/plain; version=0.0.4',
                                              'application/json'),
               'type of ' + path)
        tap.same(n.page(path + '?a=b').status, get.status,
                 path + ' with arguments')
        tap.same(request(there, '/mesh' + path).status, get.status,
                 '/mesh' + path)

    data = exchange(n.admin, b'GET /ready HTTP/1.1\r\nHost: a\r\n'
                    b'Content-Length: 5\r\n\r\nabcde'
                    b'GET /ready HTTP/1.1\r\nHost: a\r\n'
                    b'Connection: close\r\n\r\n')
    tap.same(data.count(b'HTTP/1.1 200'), 2, 'a body is read past')

    data = exchange(n.admin, b'GET /server_info HTTP/1.0\r\n\r\n')
    tap.ok(b'chunked' not in data and data.endswith(b'}\n'), 'HTTP/1.0')

    tap.same(request(there, '/mesh/ready').text, 'LIVE\n',
             'below another location')
    tap.same(request(there, '/mesh/mesh/ready').status, 404,
             'and there alone')
    tap.same(request(there, '/no-slash/ready').text, 'LIVE\n',
             'below a location without a slash')
    tap.same(request(there, '/ready').text, 'root',
             'the rest of the server is not touched')

    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def clusters():
    a = Backend('a')
    b = Backend('b', host='::1')
    dead = free_port()

    doc = document(1, {'a': [endpoint(a.port, zone='z1'),
                             endpoint(free_port(), healthStatus='UNHEALTHY')],
                       'b': [endpoint(b.port, ip='::1')], 'c': [dead]},
                   weights={'a': 1, 'b': 0, 'c': 0})
    doc['virtualNodes'][0]['extensions'] = {'lbPolicy': 'LEAST_REQUEST'}
    n = Sidecar(doc).start()

    for _ in range(5):
        n.get()

    c = n.clusters()
    only = ('cx_connect_fail', 'rq_active', 'rq_total', 'health_flags', 'zone')
    first = ('cds_egress_m_a_http_8080', '')
    tap.same(c.get(first), {'lb_policy': 'LEAST_REQUEST',
                            'membership_total': '2',
                            'membership_healthy': '1',
                            'membership_ejected': '0',
                            'panic': 'false'}, 'lines of a cluster')
    got = c[(first[0], '127.0.0.1:%d' % a.port)]
    tap.same({name: got.get(name) for name in only},
             {'cx_connect_fail': '0', 'rq_active': '0', 'rq_total': '5',
              'health_flags': 'healthy', 'zone': 'z1'},
             'lines of an endpoint')
    bad = [v for k, v in c.items() if k[0] == first[0]
           and v.get('health_flags') == '/failed_eds_health']
    tap.same([v['rq_total'] for v in bad], ['0'], 'an unhealthy endpoint')
    tap.ok(('cds_egress_m_b_http_8080', '[::1]:%d' % b.port) in c,
           'an IPv6 endpoint', c)

    doc = document(2, {'c': [dead]})
    n.put(doc)
    n.at('2')
    tap.same(n.get().status, 503, 'nobody listens there')
    c = n.clusters()[('cds_egress_m_c_http_8080', '127.0.0.1:%d' % dead)]
    tap.same((c['cx_connect_fail'], c['rq_active']), ('3', '0'),
             'failed connections are counted')


def in_flight():
    gate = []

    def slow(r):
        wait(lambda: gate, 20)
        return reply('a')

    a = Backend('a', slow)
    n = Sidecar(document(1, {'a': [a.port]}), workers=2).start()
    clients = []
    for _ in range(7):
        s = connect(n.egress)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n'
                  b'Connection: close\r\n\r\n')
        clients.append(s)
    tap.ok(wait(lambda: n.in_flight() == 7), 'requests in flight are counted',
           n.page('/clusters').text)
    clients.pop().close()
    tap.ok(wait(lambda: n.in_flight() == 6), 'less one whose client left',
           n.page('/clusters').text)
    gate.append(1)
    for s in clients:
        read_all(s)
        s.close()
    tap.ok(wait(lambda: n.in_flight() == 0), 'none afterwards',
           n.page('/clusters').text)
    tap.same(n.clusters()[('cds_egress_m_a_http_8080',
                           '127.0.0.1:%d' % a.port)]['rq_total'], '7',
             'and all in the total')


def large():
    count = 5000
    slow = free_port()
    eps = ['127.%d.%d.%d' % (1 + i // 40000, i // 200 % 200, 1 + i % 200)
           for i in range(count)]
    n = Sidecar(document(1, {'a': [endpoint(8080, ip=ip, zone='z')
                                   for ip in eps]}), http='''
server {
    listen 127.0.0.1:%d sndbuf=8k;
    limit_rate 3m;
    location / { mesh_admin; }
}
''' % slow)
    n.start()
    tap.ok(n.at('1'), 'a document with %d endpoints' % count)

    text = n.page('/clusters').text
    lines = text.splitlines()
    names = {line.split('::')[2] for line in lines[5:]}
    tap.same(len(lines), 5 + len(names) * count, '/clusters has all lines')
    tap.same({line.split('::')[1] for line in lines[5:]},
             {ip + ':8080' for ip in eps}, 'and all endpoints')
    tap.ok(text.endswith('\n'), 'and its end')

    tap.same(request(slow, '/clusters').text, text,
             'the same with limit_rate')
    tap.same(json.loads(request(slow, '/config_dump').body)['document'],
             json.loads(n.page('/config_dump').body)['document'],
             '/config_dump with limit_rate')

    # a reader that rests while the document changes under it: what it gets
    # is the page of the document it asked for

    s = connect(slow)
    s.sendall(b'GET /clusters HTTP/1.0\r\n\r\n')
    data = s.recv(4096)
    n.put(document(2, {'a': [8080]}))
    tap.ok(n.at('2'), 'a change meanwhile')
    tap.same(n.info()['worker']['snapshots'], 2,
             'the page holds the snapshot it shows')
    data += read_all(s)
    s.close()
    got = data.split(b'\r\n\r\n', 1)[1].decode()
    tap.same(got.count('::zone::z\n'), count, 'the page is not cut or mixed')
    tap.ok(wait(lambda: n.info()['worker']['snapshots'] == 1),
           'the old snapshot is gone')

    # and one that never comes back
    n.put(document(3, {'a': [endpoint(8080, ip=ip) for ip in eps]}))
    n.at('3')
    s = connect(slow)
    s.sendall(b'GET /clusters HTTP/1.0\r\n\r\n')
    s.recv(4096)
    s.close()
    n.put(document(4, {'a': [8080]}))
    n.at('4')
    tap.ok(wait(lambda: n.info()['worker']['snapshots'] == 1),
           'a reader that leaves holds nothing')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


tap.run(before_and_after, pages, clusters, in_flight, large)
