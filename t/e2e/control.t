#!/usr/bin/env python3
#
# The front of the control plane: directives, routing, input, bodies, errors,
# connections, and what becomes of requests when clients or workers go.

import json
import os
import re
import signal
import socket
import sqlite3
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

import mesh_h2
from mesh_control import Answer, ControlPlane, uri
from mesh_test import SLOW, connect, read_all, tap, wait

MB = 1024 * 1024


def refused(name, pattern, line=None, **kw):
    """nginx -t fails with this, where this line of the configuration is."""
    cp = ControlPlane(**kw)
    status, text = cp.test()
    if line:
        with open(cp.path('nginx.conf')) as f:
            lines = f.read().split('\n')
        where = [n for n, s in enumerate(lines, 1) if line in s]
        pattern += r'.* in \S+/nginx\.conf:%d$' % where[-1]
    good = status != 0 and re.search(pattern, text, re.M)
    tap.ok(good, 'refused: ' + name, pattern, text)


def accepted(name, **kw):
    status, text = ControlPlane(**kw).test()
    tap.ok(status == 0, 'accepted: ' + name, text)


def directives():
    refused('no store', r'\[emerg\] .*"mesh_control_plane" needs "mesh_store"',
            'mesh_control_plane;', store=None)
    refused('a second store', '"mesh_store" directive is duplicate',
            'mesh_store sqlite:two', more_http='mesh_store sqlite:two;')
    refused('an unknown engine', r'\[emerg\]', 'mesh_store', store='what:ever')
    refused('a control plane twice',
            '"mesh_control_plane" directive is duplicate',
            'mesh_control_plane; #', location='mesh_control_plane; #')

    for line, why in (
            ('mesh_account 1234;', 'must have 12 digits'),
            ('mesh_account 12345678901x;', 'must have 12 digits'),
            ('mesh_account 1234567890123;', 'must have 12 digits'),
            ('mesh_region "";', 'must have 1 to 64'),
            ('mesh_region eu:west;', 'must have small letters'),
            ('mesh_region EU-WEST-1;', 'must have small letters'),
            ('mesh_region ' + 65 * 'a' + ';', 'must have 1 to 64'),
            ('mesh_quotas many;', 'invalid parameter "many"'),
            ('mesh_quotas things=3;', 'unknown quota "things"'),
            ('mesh_quotas meshes=x;', 'invalid number in "meshes=x"'),
            ('mesh_quotas meshes=-1;', 'invalid number in "meshes=-1"'),
            ('mesh_quotas meshes=;', 'invalid number in "meshes="'),
            ('mesh_quotas meshes=1 meshes=2;', 'duplicate quota "meshes"'),
            ('mesh_quotas routes=3 appmesh;', 'invalid parameter "appmesh"'),
            ('mesh_quotas off routes=3;', 'has more than "off"'),
            ('mesh_max_wait soon;', 'invalid value'),
            ('mesh_store sqlite:here;', 'is not allowed here')):
        refused(line, why, line, location=line)

    for name in ('region a', 'account 123456789012', 'quotas off',
                 'max_wait 1s'):
        line = 'mesh_%s;' % name
        refused(line + ' twice', 'is duplicate', line + ' #',
                location=line + '\n' + line + ' #')

    for line, why in (('mesh_proxies_zone x;', 'has an invalid size'),
                      ('mesh_proxies_zone 1k;', 'is too small'),
                      ('mesh_proxies_zone 8m; mesh_proxies_zone 8m;',
                       'is duplicate')):
        refused(line, why, line, more_http=line)

    accepted('all of them', more_http='''
        mesh_proxies_zone 1m; mesh_region eu-central-1;
        mesh_account 111122223333; mesh_max_wait 90s;
        mesh_quotas appmesh meshes=1000 backends=0;''', location='''
        mesh_quotas off; mesh_max_wait 1m; mesh_region xx-1;
        mesh_account 999999999999;''')
    accepted('a store that is not used', server='return 200; } server {',
             location='} location /x { return 200;')


def inheritance():
    """Directives of http are those of the location, until it has its own."""
    more = 'mesh_region eu-west-1; mesh_account 111122223333;' \
           ' mesh_quotas meshes=1;'
    cp = ControlPlane(more_http=more, workers=1).start()
    arn = cp.create('meshes', meshName='a').body['metadata']['arn']
    tap.same(arn, 'arn:aws:appmesh:eu-west-1:111122223333:mesh/a',
             'region and account of http{}')
    r = cp.create('meshes', meshName='b')
    tap.same((r.status, r.error), (400, 'LimitExceededException'),
             'a quota of http{}')
    cp.stop()

    cp = ControlPlane(more_http=more, workers=1, location='''
        mesh_region xx-1; mesh_account 999999999999; mesh_quotas off;
        limit_except GET PUT { allow all; }
        if ($arg_resourceArn = nothing) { set $x 1; }''').start()
    arn = cp.create('meshes', meshName='a').body['metadata']['arn']
    tap.same(arn, 'arn:aws:appmesh:xx-1:999999999999:mesh/a',
             'region and account of the location')
    tap.same(cp.create('meshes', meshName='b').status, 200,
             '"mesh_quotas off" ends an inherited one')
    tap.same(cp.delete(uri('meshes', 'b')).status, 200,
             'the same in limit_except')
    tap.same(cp.get(uri('tags') + '?resourceArn=nothing').error,
             'BadRequestException', 'the same in an "if"')
    tap.same(cp.bad(), [], 'nothing bad in the log')


def routing():
    cp = ControlPlane(workers=1, http2=False).start()

    def expect(name, method, path, status, error, **headers):
        r = cp.call(method, path, headers=headers)
        tap.same((r.status, r.error), (status, error), name)
        return r

    unknown = 'UnknownOperationException'
    for name, path in (
            ('/', '/'), ('another version', '/v20180101/meshes'),
            ('a longer version', '/v20190125x/meshes'),
            ('too few segments', '/v20190125'),
            ('too many segments', '/v20190125/meshes/a/b'),
            ('very many segments', '/v20190125' + 100 * '/a'),
            ('a "/" at the end', '/v20190125/meshes/'),
            ('and of an item', '/v20190125/meshes/a/'),
            ('an empty segment', '/v20190125//meshes'),
            ('an empty name', '/v20190125/meshes//virtualNodes'),
            ('another case', '/v20190125/Meshes'),
            ('plural where it is singular',
             '/v20190125/meshes/a/virtualRouters/r/routes'),
            ('"%2F" does not part segments', '/v20190125%2Fmeshes'),
            ('a path that nginx would resolve',
             '/v20190125/x/../meshes')):
        r = expect('unknown: ' + name, 'GET', path, 404, unknown)
        tap.ok(r.message, 'a message', r.body)

    tap.same(cp.get('/v20190125/%6deshes').status, 200,
             'a URI is the same in other letters')

    r = expect('a known URI, another method', 'POST', uri('meshes'), 405,
               unknown)
    tap.same(r.headers['Allow'], 'GET, PUT', 'Allow')
    r = expect('and of an item', 'PATCH', uri('meshes', 'a'), 405, unknown)
    tap.same(r.headers['Allow'], 'GET, PUT, DELETE', 'Allow')
    for method in ('HEAD', 'OPTIONS', 'PROPFIND'):
        expect('%s is not GET' % method, method, uri('meshes'), 405, unknown)

    for name, path in (('a zero', '/v20190125/meshes/a%00b'),
                       ('not UTF-8', '/v20190125/meshes/%ff'),
                       ('a bad continuation', '/v20190125/meshes/%c3%c3'),
                       ('a surrogate', '/v20190125/meshes/%ed%a0%80'),
                       ('overlong', '/v20190125/meshes/%c0%af'),
                       ('cut off', '/v20190125/meshes/%e2%82'),
                       ('"."', '/v20190125/meshes/%2e'),
                       ('".."', '/v20190125/meshes/%2e%2e')):
        r = cp.get(path)
        tap.ok(r.status == 400, 'a name that is none: ' + name, r)

    r = expect('"/" in a name', 'GET', uri('meshes', 'a/b'), 400,
               'BadRequestException')
    expect('a name of other letters', 'GET', uri('meshes', 'zürich €'), 404,
           'NotFoundException')
    name = 'a+b c%26&=?#;é'
    tap.same(cp.create('meshes', meshName='plus').status, 200, 'a mesh')
    node = {'virtualNodeName': name, 'spec': {}}
    r = cp.put(uri('meshes', 'plus', 'virtualNodes'), node)
    if r.status == 200:
        r = cp.get(uri('meshes', 'plus', 'virtualNodes', name))
        tap.same(r.body['virtualNodeName'], name, 'all of a name arrives')
    else:
        tap.same(r.error, 'BadRequestException', 'such a name is refused')
    tap.same(cp.bad(), [], 'nothing bad in the log')


def query():
    cp = ControlPlane(workers=1).start()
    for name in ('a', 'b', 'c'):
        cp.create('meshes', meshName=name)

    def names(text):
        r = cp.get(uri('meshes') + text)
        return [m['meshName'] for m in r.body['meshes']] \
            if r.status == 200 else (r.status, r.error, r.message)

    tap.same(names('?limit=2'), ['a', 'b'], 'limit')
    tap.same(names('?%6cimit=%32'), ['a', 'b'], 'limit, percent-encoded')
    tap.same(names('?'), ['a', 'b', 'c'], 'an empty query')
    tap.same(names('?&&'), ['a', 'b', 'c'], 'empty members')
    tap.same(names('?x=1&x=2&limitx=1'), ['a', 'b', 'c'],
             'members of others are not looked at')

    for text, why in (('limit=x', 'not a number'), ('limit=', 'not a number'),
                      ('limit', 'not a number'), ('limit=1.0', 'not a number'),
                      ('limit=1e1', 'not a number'),
                      ('limit=%201', 'not a number'),
                      ('limit=99999999999999999999', 'not a number'),
                      ('limit=1&limit=1', 'more than once'),
                      ('limit=1&lim%69t=2', 'more than once'),
                      ('limit=%ff', 'not UTF-8'), ('limit=%0', 'not UTF-8'),
                      ('limit=%zz', 'not UTF-8'), ('%zz=1', 'not UTF-8')):
        r = cp.get(uri('meshes') + '?' + text)
        tap.ok(r.status == 400 and r.error == 'BadRequestException'
               and why in r.message,
               'refused: ' + text, r)

    for text in ('limit=0', 'limit=101', 'limit=-1'):
        r = cp.get(uri('meshes') + '?' + text)
        tap.ok(r.status == 400 and "at 'limit'" in r.message,
               'by validation: ' + text, r)

    r = cp.get(uri('meshes', 'a', meshOwner='000000000000'))
    tap.same(r.status, 200, 'meshOwner')
    r = cp.get(uri('meshes', 'a', meshOwner='1'))
    tap.ok(r.status == 400 and "'meshOwner'" in r.message, 'a bad one', r)

    # a place for each member
    r = cp.put(uri('meshes', 'a', 'virtualNodes'),
               {'virtualNodeName': 'n', 'spec': {}, 'meshName': 'b',
                'meshOwner': '1', 'unknown': [1]})
    tap.ok(r.status == 200 and r.body['meshName'] == 'a',
           'members of the URI and query are not taken from the body', r)
    r = cp.call('GET', uri('meshes', 'a'), {'meshName': 'b'})
    tap.same((r.status, r.body['meshName']), (200, 'a'),
             'the body of a GET means nothing')
    tap.same(cp.call('GET', uri('meshes', 'a'), b'{"').status, 200,
             'and is not read as JSON')
    tap.same(cp.bad(), [], 'nothing bad in the log')


# bodies that are not what they should be; "at" has to be in the message

BAD_JSON = (
    ('a blank', ' ', ''), ('cut off', '{"meshName":"a"', ''),
    ('after a name', '{"meshName"', ''), ('after a colon', '{"meshName":', ''),
    ('in a string', '{"meshName":"a', ''), ('in a number', '{"x":-', ''),
    ('in a literal', '{"x":tru}', ''), ('in an escape', '{"x":"\\', ''),
    ('a bad escape', '{"x":"\\x"}', ''), ('in \\u', '{"x":"\\u12"}', ''),
    ('a lone surrogate', '{"x":"\\ud800"}', ''),
    ('a control character', '{"x":"a\nb"}', ''),
    ('a zero', b'{"x":"a\0b"}', ''), ('only a zero', b'\0', ''),
    ('no name', '{:1}', ''), ('a name without quotes', '{x:1}', ''),
    ('a comma too many', '{"x":1,}', ''), ('in an array', '[1,]', ''),
    ('two values', '{}{}', ''), ('rubbish after it', '{} x', ''),
    ('a comment', '{/* x */}', ''), ('a leading zero', '{"x":01}', ''),
    ('NaN', '{"x":NaN}', ''), ('a byte order mark', b'\xef\xbb\xbf{}', ''),
    ('not UTF-8', b'{"meshName":"\xff"}', ''),
    ('not UTF-8 in a name', b'{"\xc3":1}', ''),
    ('UTF-16', '{}'.encode('utf-16'), ''),
    ('33 levels', '{"x":' + 32 * '[' + 32 * ']' + '}', ''),
    ('deep', '{"spec":' + 500 * '[', ''),
    ('deep, ended', '{"spec":' + 500 * '[' + 500 * ']' + '}', ''),
    ('deep objects', 500 * '{"spec":', ''),
    ('the same name twice', '{"meshName":"a","meshName":"b"}', ''),
    ('twice by an escape', '{"meshName":"a","mesh\\u004eame":"b"}', ''),
    ('very many values', '{"x":[' + '0,' * 200000 + '0]}', ''),
    ('an array', '[]', 'object'), ('a string', '"meshName"', 'object'),
    ('null', 'null', 'object'), ('a number', '1', 'object'),
)


def bodies():
    cp = ControlPlane(workers=1).start()

    for name, body, at in BAD_JSON:
        r = cp.put(uri('meshes'), body)
        tap.ok(r.status == 400 and r.error == 'BadRequestException'
               and r.message and at in r.message, 'refused: ' + name, r[0],
               r[2])

    r = cp.put(uri('meshes'), '{"meshName":"deep","x":' + 31 * '[' + 31 * ']'
               + '}')
    tap.same(r.status, 200, '32 levels may be')
    r = cp.put(uri('meshes'))
    tap.ok(r.status == 400 and "'meshName'" in r.message,
           'no body is one without members', r)
    r = cp.put(uri('meshes'), {'meshName': 'n' * 900000})
    tap.ok(r.status == 400 and len(r.data) < 2 * MB, 'a long string', r[0])
    r = cp.put(uri('meshes'), {'meshName': 7})
    tap.same(r.status, 400, 'a number for a string')
    r = cp.put(uri('meshes'), {'meshName': None})
    tap.same(r.status, 400, 'null is no value')

    r = cp.put(uri('meshes', '"\\\n\x7fü'), {'spec': 1})
    tap.ok(r.status == 400 and r.message, 'what is quoted stays JSON', r)

    good = json.dumps({'meshName': 'big'})
    r = cp.put(uri('meshes'), good + ' ' * (MB - len(good)))
    tap.same(r.status, 200, 'a body as large as may be')
    r = cp.put(uri('meshes'), good + ' ' * (MB - len(good) + 1))
    tap.same((r.status, r.error, r.headers.get('Connection')),
             (413, 'RequestEntityTooLargeException', 'close'), 'and larger')
    r = cp.put(uri('meshes'), ' ' * 20 * MB)
    tap.same(r.status, 413, 'and much larger')
    r = cp.call('GET', uri('meshes', 'big'), b'x' * 100000)
    tap.same(r.status, 200, 'a GET with a body')
    r = cp.call('PUT', '/nowhere', b'x' * 300000)
    tap.same(r.status, 404, 'an unknown URI with a body')
    tap.same(cp.get(uri('meshes', 'big')).status, 200,
             'the connection goes on')
    tap.same(cp.bad(), [], 'nothing bad in the log')


def head(cp, more='', method='PUT', path=None):
    return ('%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n'
            % (method, path or uri('meshes'), more)).encode()


def responses(data):
    """[Answer] of the bytes of a connection."""
    found = []
    while data:
        top, _, data = data.partition(b'\r\n\r\n')
        lines = top.decode().split('\r\n')
        fields = [line.split(': ', 1) for line in lines[1:]]
        size = int(dict((k.lower(), v) for k, v in fields)
                   .get('content-length', 0))
        status = int(lines[0].split(' ')[1])
        if status == 100:
            size = 0
        found.append(Answer(status, fields, data[:size]))
        data = data[size:]
    return found


def exchange(cp, *parts):
    with connect(cp.port) as s:
        for part in parts:
            s.sendall(part)
        return responses(read_all(s))


def chunk(data):
    return b'%x\r\n%s\r\n' % (len(data), data)


def framing():
    """How a body comes: in chunks, byte by byte, after 100 Continue."""
    cp = ControlPlane(workers=1).start()
    chunked = 'Transfer-Encoding: chunked\r\n'
    close = 'Connection: close\r\n'
    body = b'{"meshName":"%s"}'

    r = exchange(cp, head(cp, chunked + close),
                 chunk(b'{"meshName":'), chunk(b'"chunks"}') + b'0\r\n\r\n')
    tap.same([x.status for x in r], [200], 'chunks')

    with connect(cp.port) as s:
        data = head(cp, chunked + close) + b''.join(
            chunk(bytes([c])) for c in body % b'bytes') + b'0\r\n\r\n'
        for c in data:
            s.sendall(bytes([c]))
        r = responses(read_all(s))
    tap.same([(x.status, x.body['meshName']) for x in r], [(200, 'bytes')],
             'byte by byte')

    text = body % b'large'
    text += b' ' * (MB - len(text))
    parts = [chunk(text[i:i + 10000]) for i in range(0, MB, 10000)]
    r = exchange(cp, head(cp, chunked + close), *parts, b'0\r\n\r\n')
    tap.same([x.status for x in r], [200], 'chunks, as large as may be')

    for name, parts in (
            ('one chunk', [b'%x\r\n' % (MB + 1), b' ' * (MB + 1)]),
            ('many chunks', [chunk(b' ' * 10000)] * 110),
            ('a chunk that never comes', [b'7fffffff\r\n', b' ' * 2 * MB])):
        with connect(cp.port) as s:
            try:
                s.sendall(head(cp, chunked))
                for part in parts:
                    s.sendall(part)
            except OSError:
                pass                    # answered and closed meanwhile
            f = s.makefile('rb')
            status = f.readline().split()[1:2]
        tap.same(status, [b'413'], 'too large, ' + name)

    r = exchange(cp, head(cp, chunked + close), b'zz\r\n')
    tap.ok(len(r) == 1 and r[0].status == 400 and r[0].message,
           'a chunk that is none', r)

    with connect(cp.port) as s:
        s.sendall(head(cp, close + 'Expect: 100-continue\r\n'
                           'Content-Length: %d\r\n' % len(body % b'expect')))
        got = s.recv(4096)
        tap.ok(got.startswith(b'HTTP/1.1 100 '), '100 Continue', got)
        s.sendall(body % b'expect')
        r = responses(read_all(s))
        tap.same([x.status for x in r], [200], 'and the answer')

    with connect(cp.port) as s:
        s.sendall(head(cp, 'Expect: 100-continue\r\n'
                           'Content-Length: 2000000\r\n'))
        got = s.recv(4096)
        tap.ok(got.startswith(b'HTTP/1.1 413 '), 'no 100 if it is too large',
               got)

    requests = b''.join(
        head(cp, 'Content-Length: 18\r\n') + body % (b'p%02d' % i)
        + head(cp, '', 'GET', uri('meshes', 'p%02d' % i)) for i in range(50))
    r = exchange(cp, requests + head(cp, close, 'GET', uri('nowhere')))
    want = []
    for i in range(50):
        want += [(200, 'p%02d' % i)] * 2
    tap.same([(x.status, x.body.get('meshName')) for x in r],
             want + [(404, None)], 'pipelined requests, in order')
    tap.same(cp.bad(), [], 'nothing bad in the log')


def mirrored():
    """Others may have read the body before, into a file too."""
    cp = ControlPlane(workers=1, location='''
        mirror /mirror; client_body_buffer_size 1k;
        } location = /mirror { internal; return 200;''').start()
    text = json.dumps({'meshName': 'm'})
    tap.same(cp.put(uri('meshes'), text).status, 200, 'a body in memory')
    text = json.dumps({'meshName': 'n'}) + ' ' * 100000
    tap.same(cp.put(uri('meshes'), text).status, 200, 'a body in a file')
    tap.same(cp.put(uri('meshes'), ' ' * MB * 2).status, 413, 'too large')
    tap.same(cp.bad(), [], 'nothing bad in the log')


def slowloris():
    cp = ControlPlane(workers=1, server='client_body_timeout 1s;'
                                        'client_header_timeout 4s;').start()
    stuck = []
    for part in (b'', b'{"mesh', b'{'):
        s = connect(cp.port)
        s.sendall(head(cp, 'Content-Length: 1000\r\n') + part)
        stuck.append(s)
    s = connect(cp.port)
    s.sendall(head(cp, 'Transfer-Encoding: chunked\r\n') + b'100\r\n{')
    stuck.append(s)

    tap.same(cp.create('meshes', meshName='a').status, 200,
             'others are served meanwhile')
    tap.same([read_all(s) for s in stuck], [b''] * 4,
             'a body that does not come ends the connection')

    for s in stuck:
        s.close()

    s = connect(cp.port)
    s.sendall(head(cp, 'Content-Length: 1000\r\n') + b'{')
    s.close()
    tap.same(cp.get(uri('meshes', 'a')).status, 200,
             'a client that goes in the middle')
    tap.ok(wait(lambda: not cp.bad()), 'nothing bad in the log')


def connections():
    cp = ControlPlane(workers=2, level='error').start()
    cp.create('meshes', meshName='m')
    n = 1000
    request = head(cp, '', 'GET', uri('meshes', 'm'))

    opened = [connect(cp.port) for _ in range(n)]
    for s in opened:
        s.sendall(request)
    good = 0
    for s in opened:
        f = s.makefile('rb')
        good += f.readline().startswith(b'HTTP/1.1 200 ')
        f.close()
    for s in opened:
        s.close()
    tap.same(good, n, '%d connections at a time' % n)
    tap.same(cp.bad(), [], 'nothing bad in the log')


def http2():
    if not mesh_h2.AVAILABLE:
        tap.skip('HTTP/2', 'no h2 for Python')
        return

    cp = ControlPlane(workers=1, http2=True).start()
    c = mesh_h2.Client(cp.port2)

    def call(method, path, data=None, parts=1, headers=()):
        number = c.open(path, headers, method=method, end=data is None)
        if data is not None:
            step = max(1, len(data) // parts)
            for i in range(0, len(data), step):
                c.send(number, data[i:i + step])
            c.send(number, b'', end=True)
        stream = c.until(number)
        return int(stream.header(':status')), stream

    for parts in (1, 7):
        body = json.dumps({'meshName': 'm%d' % parts}).encode()
        status, stream = call('PUT', uri('meshes'), body, parts)
        tap.same((status, json.loads(stream.data)['meshName']),
                 (200, 'm%d' % parts), 'a body in %d frames' % parts)
        tap.ok(stream.header('x-amzn-requestid'), 'the id of the request')

    body = json.dumps({'meshName': 'big'}).encode()
    status, _ = call('PUT', uri('meshes'), body + b' ' * (MB - len(body)), 60,
                     [('content-length', str(MB))])
    tap.same(status, 200, 'a body as large as may be')
    status, stream = call('GET', uri('meshes', 'none'))
    tap.same((status, stream.header('x-amzn-errortype')),
             (404, 'NotFoundException'), 'an error')

    # many at a time on one connection
    numbers = [c.open(uri('meshes', 'm1'), method='GET', end=True)
               for _ in range(100)]
    tap.same({c.until(n).header(':status') for n in numbers}, {'200'},
             '100 streams')
    c.close()

    c = mesh_h2.Client(cp.port2)
    number = c.open(uri('meshes'), [('content-length', str(2 * MB))],
                    method='PUT')
    stream = c.until(number, lambda s: s.headers)
    tap.same(stream.header(':status'), '413', 'announced too large')

    number = c.open(uri('meshes'), method='PUT')
    try:
        while c.streams[number].headers == []:
            c.send(number, b' ' * 16384)
            c.socket.settimeout(0.01)
            try:
                c.events()
            except socket.timeout:
                pass
            finally:
                c.socket.settimeout(20 * SLOW)
    except Exception as e:              # a reset stream is an answer as well
        tap.say(repr(e))
    stream = c.streams[number]
    tap.same(stream.header(':status'), '413', 'too large, unannounced')
    c.close()
    tap.same(cp.bad(), [], 'nothing bad in the log')


def answers():
    """What all answers have; the id of a request leads to the log."""
    cp = ControlPlane(workers=1, more_http='''
        log_format id "$request_method $status id=$mesh_api_request_id";''',
                      server='access_log logs/access.log id;').start()
    made = cp.create('meshes', meshName='m')
    none = cp.get(uri('meshes', 'none'))
    uuid = r'^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}' \
           r'-[0-9a-f]{12}$'

    for r in (made, none, cp.get('/nowhere')):
        tap.ok(re.match(uuid, r.headers['x-amzn-RequestId'])
               and r.headers['Content-Type'] == 'application/json'
               and int(r.headers['Content-Length']) == len(r.data),
               'id, type and length with %d' % r.status, r.headers)

    tap.same(none.body, {'message': none.message}, 'the body of an error')

    def logged():
        with open(cp.path('logs/access.log')) as f:
            return f.read().split('\n')

    tap.ok(wait(lambda: 'PUT 200 id=' + made.headers['x-amzn-RequestId']
                in logged()), 'the id in the access log', logged())
    lines = cp.logged(none.headers['x-amzn-RequestId'])
    tap.ok(lines and len(lines) == 1 and '[info]' in lines[0]
           and 'DescribeMesh' in lines[0] and none.message in lines[0],
           'an error of the caller is info', lines)
    ids = {cp.get(uri('meshes', 'm')).headers['x-amzn-RequestId']
           for _ in range(200)}
    tap.same(len(ids), 200, 'no id comes twice')


class Writers:
    """Threads that create meshes, and remember what was answered."""

    def __init__(self, cp, n=4):
        self.cp = cp
        self.answered, self.odd = [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(n)]
        for t in self.threads:
            t.start()

    def run(self, i):
        n = 0
        c = None
        while not self.stopping.is_set():
            name = 'w%d-%06d' % (i, n)
            n += 1
            c = c or self.cp.connection()
            try:
                r = self.cp.call('PUT', uri('meshes'), {'meshName': name},
                                 connection=c)
            except (OSError, Exception) as e:
                # neither answered nor said to be done
                self.odd.append(repr(e))
                c = None
                self.stopping.wait(0.02)
                continue
            if r.status == 200:
                self.answered.append(name)
            else:
                self.odd.append((r.status, r.message))
            if r.headers.get('Connection') == 'close':
                c.close()
                c = None
        if c:
            c.close()

    def more(self, n):
        want = len(self.answered) + n
        return wait(lambda: len(self.answered) >= want, 30)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()


def all_meshes(cp):
    found, token = set(), None
    while True:
        more = {'nextToken': token} if token else {}
        r = cp.get(uri('meshes', limit='100', **more))
        found |= {m['meshName'] for m in r.body['meshes']}
        token = r.body.get('nextToken')
        if not token:
            return found


def reloads():
    """No answered write is lost, whatever becomes of the worker."""
    cp = ControlPlane(workers=2, level='notice').start()
    w = Writers(cp)
    tap.ok(w.more(20), 'writers write')
    for _ in range(3):
        cp.reload()
        tap.ok(w.more(20), 'and go on after a reload', w.odd[-3:])
    bad = [x for x in w.odd if isinstance(x, tuple)]
    tap.same(bad, [], 'no error was answered')
    w.stopping.set()
    tap.ok(cp.stop(), 'SIGQUIT in the middle of writes')
    w.stop()

    cp.start()
    lost = set(w.answered) - all_meshes(cp)
    tap.same(lost, set(), 'all of %d answered writes are there'
             % len(w.answered))
    tap.same(cp.bad(), [], 'nothing bad in the log')


def gone():
    """A client that is gone does not undo what it asked for."""
    cp = ControlPlane(workers=1).start()
    n = 50
    for i in range(n):
        body = b'{"meshName":"g%02d"}' % i
        s = connect(cp.port)
        s.sendall(head(cp, 'Content-Length: %d\r\n' % len(body)) + body)
        if i % 2:
            # a reset
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         b'\1\0\0\0\0\0\0\0')
        s.close()
    # a reset may overtake the request; a close does not
    want = {'g%02d' % i for i in range(0, n, 2)}
    tap.ok(wait(lambda: want <= all_meshes(cp)), 'the writes are done',
           want - all_meshes(cp))
    tap.same(len(cp.worker_pids()), 1, 'and the worker goes on')

    tap.same(cp.bad(), [], 'nothing bad in the log')


def put(cp, name, h2=False):
    """A client that has sent a request and does not wait for the answer."""
    body = b'{"meshName":"%s"}' % name.encode()
    if h2:
        c = mesh_h2.Client(cp.port2)
        number = c.open(uri('meshes', 'none'), method='GET', end=True)
        c.until(number)
        number = c.open(uri('meshes'), method='PUT')
        c.send(number, body, end=True)
        return c, number
    s = connect(cp.port)
    s.sendall(head(cp, 'Content-Length: %d\r\n' % len(body)) + body)
    return s


def held():
    """While the store is busy with somebody else's write."""
    cp = ControlPlane(workers=1, http2=True,
                      more_main='worker_shutdown_timeout 5s;').start()
    cp.create('meshes', meshName='m')

    db = sqlite3.connect(cp.database, isolation_level=None)
    db.execute('BEGIN IMMEDIATE')

    waiting = put(cp, 'wait')
    closed, reset = put(cp, 'closed'), put(cp, 'reset')
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
    tap.same(cp.get(uri('meshes', 'm')).status, 200, 'reads go on')
    closed.close()
    reset.close()

    names = {'m', 'wait', 'closed', 'reset'}
    if mesh_h2.AVAILABLE:
        c, number = put(cp, 'h2-reset', True)
        tap.same(cp.get(uri('meshes', 'm')).status, 200, 'with HTTP/2 too')
        c.h2.reset_stream(number)
        c.flush()
        c2, _ = put(cp, 'h2-closed', True)
        tap.same(cp.get(uri('meshes', 'm')).status, 200, 'and again')
        c2.close()
        names |= {'h2-reset', 'h2-closed'}
    else:
        tap.skip('HTTP/2', 'no h2 for Python')

    db.execute('COMMIT')
    tap.ok(waiting.recv(100).startswith(b'HTTP/1.1 200'), 'then it answers')
    waiting.close()
    tap.ok(wait(lambda: names <= all_meshes(cp)),
           'what was asked for is done, also where the client is gone',
           names - all_meshes(cp))
    tap.same(len(cp.worker_pids()), 1, 'the worker goes on')

    # a worker that was told to quit answers first
    db.execute('BEGIN IMMEDIATE')
    late = put(cp, 'late')
    tap.same(cp.get(uri('meshes', 'm')).status, 200, 'a write again')
    cp.send(signal.SIGQUIT)
    wait(lambda: cp.lines('gracefully shutting down'))
    db.execute('COMMIT')
    db.close()
    tap.ok(late.recv(100).startswith(b'HTTP/1.1 200'),
           'a worker that shuts down answers a write first')
    late.close()
    tap.ok(cp.stop(), 'and ends')
    tap.same(cp.bad(), [], 'nothing bad in the log')


def timeout():
    """A worker that is out of time to shut down still waits for the store."""
    cp = ControlPlane(workers=1, http2=True,
                      more_main='worker_shutdown_timeout 200ms;').start()
    cp.create('meshes', meshName='m')

    db = sqlite3.connect(cp.database, isolation_level=None)
    db.execute('BEGIN IMMEDIATE')
    stuck = put(cp, 'stuck')
    names = {'m', 'stuck'}
    if mesh_h2.AVAILABLE:
        stream = put(cp, 'h2-stuck', True)
        names.add('h2-stuck')
    tap.same(cp.get(uri('meshes', 'm')).status, 200, 'writes wait')
    cp.send(signal.SIGQUIT)
    tap.ok(not wait(lambda: cp.process.poll() is not None, 1),
           'the worker is there after the timeout')
    db.execute('COMMIT')
    db.close()
    read_all(stuck)
    if mesh_h2.AVAILABLE:
        read_all(stream[0].socket)
    tap.ok(cp.stop(), 'it ends when the store has answered')

    cp.start()
    tap.same(all_meshes(cp), names, 'the writes are done')
    tap.same(cp.bad(), [], 'nothing bad in the log')


def contention():
    """Who comes too late is tried again, and told so when that does not
    help; nothing else."""
    cp = ControlPlane(workers=2).start()
    cp.create('meshes', meshName='m')
    counts = {}
    lock = threading.Lock()

    def update(i):
        c = cp.connection()
        for k in range(20):
            kind = 'ALLOW_ALL' if (i + k) % 2 else 'DROP_ALL'
            r = cp.call('PUT', uri('meshes', 'm'),
                        {'spec': {'egressFilter': {'type': kind}}},
                        connection=c)
            with lock:
                counts[r.status] = counts.get(r.status, 0) + 1
        c.close()

    threads = [threading.Thread(target=update, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.ok(set(counts) <= {200, 429} and sum(counts.values()) == 160,
           'updates of one mesh by eight clients', counts)
    version = cp.get(uri('meshes', 'm')).body['metadata']['version']
    tap.same(version, 1 + counts[200], 'each counted once')

    made = []

    def create(i):
        made.append(cp.create('meshes', meshName='same').status)

    threads = [threading.Thread(target=create, args=(i,)) for i in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.ok(made.count(200) == 1 and set(made) <= {200, 409, 429},
           'one of many creates', made)
    tap.same(cp.bad(), [], 'nothing bad in the log')


tap.run(directives, inheritance, routing, query, bodies, framing, mirrored,
        slowloris, connections, http2, answers, reloads, gone, held, timeout,
        contention)
