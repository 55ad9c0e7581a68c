#!/usr/bin/env python3

"""Requests to a control plane as nobody would send them.

    fuzz = Fuzz(cp, model, seed=1)
    fuzz.run(seconds=10)
    fuzz.odd                    # answers that no request should have

They begin as valid requests of all operations.  What is changed is the JSON of
the body, its bytes, the path, the query string, the method, headers, and, of
those that are signed, the signature.  All choices come from the seed.

cp.port takes requests without a signature, "signed" is a port that verifies
them, with KEY and SECRET.
"""

import copy
import datetime
import hashlib
import hmac
import json
import os
import random
import socket
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', '..', 't', 'lib'))

import mesh_specs                                                # noqa: E402

from mesh_specs import PARENTS, SPECS, member, plural            # noqa: E402
from mesh_test import SLOW                                       # noqa: E402

KEY, SECRET = 'AKIAFUZZ', 'fuzz+secret/='

# beside the errors of the API model
OTHER_ERRORS = {
    'AccessDeniedException', 'IncompleteSignatureException',
    'InvalidSignatureException', 'MissingAuthenticationTokenException',
    'RequestEntityTooLargeException', 'UnknownOperationException',
    'UnrecognizedClientException'}

# nginx's own, given before a location is known: the request is no HTTP, or
# none that nginx takes
NGINX_ERRORS = {400, 405, 413, 414, 494, 501, 505}

SCALARS = [
    None, True, False, 0, 1, -1, 65535, 65536, 2 ** 31, -2 ** 31 - 1,
    2 ** 63 - 1, 2 ** 63, -2 ** 63, 10 ** 40, 0.5, 1e308, -0.0, '', ' ', '/',
    'a', 'a/b', '..', '.', '*', 'x' * 255, 'x' * 256, 'x' * 5000, '\x00',
    '\x7f', '\n', '"', '\\', '%', '%00', '%n%s', '\u00e9', '\u4e16' * 85,
    '\U0001f600', '\ud800', '(((((a+)+)+)+)+)$', '[', '(?<', '1', '-1',
    '123456789012', 'node-0', 'm', 'arn:aws:appmesh:::mesh/m', 'GET', 'http',
    [], {}, [[]], [None], [{}], {'': ''}, {'a': {}}, {'exact': 'x'},
    {'unit': 's'}, {'value': -1, 'unit': 's'}]

SEGMENTS = ['', '.', '..', '%2e%2e', '%2F', 'a%2Fb', '%00', '%', '%zz', '%c3',
            '%ff', '%C3%A9', 'a b', 'a+b', '*', '~', "'", 'meshes', 'x' * 255,
            'x' * 256, 'x' * 3000, '%41' * 500, 'm', 'node-0', '\xe9', 'M',
            'virtualNodes', 'document', ';a=b', '@:$!,', '%25', '%2525']

QUERIES = ['limit=0', 'limit=1', 'limit=101', 'limit=', 'limit', 'limit=1e1',
           'limit=-1', 'limit=99999999999999999999', 'limit=1&limit=2',
           'limit=%31', 'nextToken=', 'nextToken=x', 'nextToken=%00',
           'nextToken=' + 'A' * 2000, 'meshOwner=1', 'meshOwner=000000000000',
           'meshOwner=00000000000%30', 'meshOwner=', '&&&', '=', '=x', '%=%',
           '%ff=1', 'limit=%ff', 'resourceArn=', 'resourceArn=arn:::::',
           'resourceArn=' + 'arn:aws:appmesh:us-east-1:000000000000:mesh/',
           'x=' + 'y' * 4000, '?', '#', 'a=b' * 300]

HEADERS = [('Content-Type', 'text/plain'), ('Content-Type', ''),
           ('Content-Type', 'x' * 2000), ('Accept-Encoding', 'gzip'),
           ('Prefer', 'wait=1'), ('Prefer', 'wait=99999999999999999999'),
           ('Prefer', 'wait=-1'), ('Prefer', ',;=,wait'), ('Prefer', '"'),
           ('If-None-Match', '*'), ('If-None-Match', '"x"'),
           ('If-None-Match', '"' * 99), ('If-None-Match', 'W/"1", "2"'),
           ('Mesh-Proxy-Id', 'p'), ('Mesh-Proxy-Id', 'x' * 3000),
           ('Mesh-Proxy-Id', '\x01\xff"'), ('Mesh-Applied', 'v1'),
           ('Mesh-Applied', ''), ('Mesh-Applied', '\xff' * 300),
           ('Mesh-Rejected', 'v;reason'), ('Mesh-Rejected', ';' * 900),
           ('Mesh-Rejected', 'v; \xed\xa0\x80 \xf4\x90\x80\x80 \xc0\x80'),
           ('X-Amz-Date', '20200101T000000Z'), ('X-Amz-Date', 'x'),
           ('Date', 'x'), ('X-Amz-Security-Token', 'x' * 900),
           ('X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD'),
           ('Authorization', ''), ('Authorization', 'AWS4-HMAC-SHA256'),
           ('Authorization', 'AWS4-HMAC-SHA256 Credential=,SignedHeaders=,'
                             'Signature='),
           ('Authorization', 'Basic eDp5'), ('Authorization', ',' * 2000),
           ('Range', 'bytes=0-1'), ('Connection', 'close'),
           ('Host', 'a b'), ('Host', ''), ('Expect', '100-continue'),
           ('X-Forwarded-For', '1.2.3.4'), ('Amz-Sdk-Request', 'attempt=1')]

METHODS = ['GET', 'PUT', 'DELETE', 'POST', 'HEAD', 'PATCH', 'OPTIONS', 'TRACE',
           'put', 'PROPFIND', 'X']


class Request:
    def __init__(self, method, target, body):
        self.method, self.target = method, target
        self.body = body                    # what JSON can say, or None
        self.raw = None                     # bytes, once they are made
        self.headers = []

    def data(self):
        if self.raw is None and self.body is not None:
            return json.dumps(self.body).encode()
        return self.raw or b''


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def get(self, name):
        return self.headers.get(name.lower())


def corpus(model, mesh='m'):
    """Valid requests that make a mesh, and look at it; and that remove it."""
    made = mesh_specs.Resources(model, mesh)
    create, other, delete = [], [], []

    def request(operation, params):
        return Request(*model.request(operation, params))

    for c in made.calls:
        kind, params, spec = c['kind'], c['params'], c['spec']
        create.append(request('Create' + kind, dict(
            params, spec=spec, clientToken='token-' + c['name'],
            tags=[{'key': 'k', 'value': 'v'}])))
        other.append(request('Update' + kind, dict(params, spec=spec)))
        other.append(request('Describe' + kind, params))
        delete.append(request('Delete' + kind, params))
        if kind in ('VirtualNode', 'VirtualGateway'):
            other.append(Request('GET', '/mesh/v1/meshes/%s/%ss/%s/document' %
                                 (mesh, member(kind, ''), c['name']), None))

    for kind in SPECS:
        c = made.first(kind)
        params = {k: v for k, v in c['params'].items() if k != member(kind)}
        other.append(request('List' + plural(kind), dict(params, limit=2)))

    other.append(Request('GET', '/mesh/v1/meshes/%s/proxies' % mesh, None))
    arn = 'arn:aws:appmesh:us-east-1:000000000000:mesh/%s/virtualNode/node-0'
    for operation, more in (
            ('TagResource', {'tags': [{'key': 'a', 'value': 'b'}]}),
            ('UntagResource', {'tagKeys': ['a']}),
            ('ListTagsForResource', {'limit': 1})):
        other.append(request(operation, dict(resourceArn=arn % mesh, **more)))

    return create, other, delete[::-1]


class Mutator:
    def __init__(self, rng):
        self.rng = rng

    def places(self, value, found):
        """All (container, key) of a tree."""
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for k, v in items:
            found.append((value, k))
            if isinstance(v, (dict, list)):
                self.places(v, found)
        return found

    def tree(self, body):
        places = self.places(body, [])
        if not places:
            return
        container, key = self.rng.choice(places)
        how = self.rng.randrange(7)
        if how < 3:
            container[key] = copy.deepcopy(self.rng.choice(SCALARS))
        elif how == 3:
            del container[key]
        elif how == 4:
            other, name = self.rng.choice(places)
            container[key] = copy.deepcopy(other[name])
        elif how == 5 and isinstance(container, dict):
            container[self.rng.choice(['x', '', 'spec', 'prefix', '\u0000'])] \
                = copy.deepcopy(self.rng.choice(SCALARS))
        else:
            n = self.rng.choice([1, 5, 11, 51, 300])
            container[key] = [copy.deepcopy(container[key])
                              for _ in range(n)]

    def text(self, data):
        """Bytes of a body that is no JSON any more, maybe."""
        at = self.rng.randrange(len(data) + 1)
        how = self.rng.randrange(9)
        if how == 0:
            return data[:at]
        if how == 1:
            return data[:at] + bytes([self.rng.randrange(256)]) + data[at + 1:]
        if how == 2:
            return data[:at] + self.rng.choice(
                [b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80',
                 b'\\u0000', b'\\ud800', b'\x00', b'"', b'{', b']', b'\\',
                 b'/**/', b'NaN', b'1e999', b'\xef\xbb\xbf']) + data[at:]
        if how == 3:
            n = self.rng.choice([10, 33, 1000, 100000])
            return b'{"spec":' * n + b'1' + b'}' * n
        if how == 4:
            n = self.rng.choice([31, 33, 5000])
            return data[:1] + b'"spec":' + b'[' * n + b']' * n + b',' \
                + data[1:]
        if how == 5:                        # members twice
            return data[:-1] + b',' + data[1:]
        if how == 6:
            return data + self.rng.choice([b' ', b'\n', b'x', b'{}', b'\x00'])
        if how == 7:
            return b'{"x":"' + b'y' * self.rng.choice([70000, 1048570,
                                                       1048577]) + b'"}'
        return self.rng.choice([b'', b'null', b'[]', b'""', b'0', b'{', b'"'])

    def path(self, target):
        uri, mark, query = target.partition('?')
        parts = uri.split('/')
        at = self.rng.randrange(1, len(parts))
        how = self.rng.randrange(5)
        if how == 0:
            parts[at] = self.rng.choice(SEGMENTS)
        elif how == 1:
            parts.insert(at, self.rng.choice(SEGMENTS))
        elif how == 2:
            del parts[at]
        elif how == 3:
            parts[at] = ''.join('%%%02x' % ord(c) if self.rng.random() < .5
                                else c for c in parts[at])
        else:
            parts[at] += self.rng.choice(SEGMENTS)
        return '/'.join(parts) + mark + query

    def query(self, target):
        uri, mark, query = target.partition('?')
        parts = query.split('&') if mark else []
        for _ in range(self.rng.randrange(1, 4)):
            parts.insert(self.rng.randrange(len(parts) + 1),
                         self.rng.choice(QUERIES))
        if self.rng.random() < .2:
            del parts[self.rng.randrange(len(parts))]
        return uri + '?' + '&'.join(parts)

    def request(self, r):
        """Changes it in some of its parts."""
        if r.body is not None:
            for _ in range(self.rng.choice([0, 1, 1, 2, 5])):
                self.tree(r.body)
            if self.rng.random() < .15:
                r.raw = self.text(r.data())
        how = self.rng.random()
        if how < .15:
            r.target = self.path(r.target)
        elif how < .3:
            r.target = self.query(r.target)
        elif how < .35:
            r.method = self.rng.choice(METHODS)
        if self.rng.random() < .2:
            for _ in range(self.rng.randrange(1, 4)):
                r.headers.append(self.rng.choice(HEADERS))

    def field(self, text):
        """A header's value, or a query string, with some of it changed."""
        at = self.rng.randrange(len(text) + 1)
        how = self.rng.randrange(6)
        if how == 0:
            return text[:at]
        if how == 1:
            return text[:at] + self.rng.choice('=,/;& %\x01\xe9"AZ09') \
                + text[at + 1:]
        if how == 2:
            end = self.rng.randrange(at, len(text) + 1)
            return text[:at] + text[end:]
        if how == 3:
            return text[:at] + text[at:at + 40] * self.rng.choice([2, 50]) \
                + text[at + 40:]
        if how == 4:
            parts = text.split('&' if '&' in text else ',')
            self.rng.shuffle(parts)
            return ('&' if '&' in text else ',').join(parts)
        return text + self.rng.choice([',', '&', '=', ' ', 'x' * 3000])


# Signature Version 4, for those requests that are to come further

def quote(text, safe='-_.~'):
    return urllib.parse.quote(text, safe=safe)


def signature(stamp, method, target, headers, hashed):
    path, _, query = target.partition('?')
    pairs = sorted(tuple(quote(urllib.parse.unquote(x))
                         for x in (p + '=').split('=')[:2])
                   for p in query.split('&') if p)
    names = sorted(headers)
    text = '\n'.join([method, quote(path, '/-_.~'),
                      '&'.join('%s=%s' % p for p in pairs)]
                     + ['%s:%s' % (n, headers[n]) for n in names]
                     + ['', ';'.join(names), hashed])
    scope = '%s/us-east-1/appmesh/aws4_request' % stamp[:8]
    text = '\n'.join(['AWS4-HMAC-SHA256', stamp, scope,
                      hashlib.sha256(text.encode()).hexdigest()])
    key = ('AWS4' + SECRET).encode()
    for part in scope.split('/'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return scope, hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime(
        '%Y%m%dT%H%M%SZ')


def sign(r, host):
    stamp, headers = now(), {'host': host}
    headers['x-amz-date'] = stamp
    scope, value = signature(stamp, r.method, r.target, headers,
                             hashlib.sha256(r.data()).hexdigest())
    r.headers += [('X-Amz-Date', stamp), (
        'Authorization', 'AWS4-HMAC-SHA256 Credential=%s/%s, '
        'SignedHeaders=host;x-amz-date, Signature=%s' % (KEY, scope, value))]


def presign(r, host):
    stamp = now()
    r.target += ('&' if '?' in r.target else '?') + (
        'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%s&X-Amz-Date=%s'
        '&X-Amz-Expires=600&X-Amz-SignedHeaders=host' %
        (quote('%s/%s/us-east-1/appmesh/aws4_request' % (KEY, stamp[:8])),
         stamp))
    _, value = signature(stamp, r.method, r.target, {'host': host},
                         hashlib.sha256(r.data()).hexdigest())
    r.target += '&X-Amz-Signature=' + value


class Connection:
    """One that is kept as long as the server does."""

    def __init__(self, port):
        self.port = port
        self.socket = self.file = None

    def close(self):
        if self.socket:
            self.file.close()
            self.socket.close()
            self.socket = None

    def send(self, data, head=False):
        """The answer; None if the server closed without one."""
        if self.socket is None:
            self.socket = socket.create_connection(('127.0.0.1', self.port),
                                                   30 * SLOW)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.file = self.socket.makefile('rb')
        try:
            self.socket.sendall(data)
        except OSError:
            pass                        # it may have answered before the end
        try:
            answer = self.read(head)
        except (OSError, ValueError, IndexError) as e:
            self.close()
            if isinstance(e, ConnectionResetError):
                return None
            raise
        if answer is None or (answer.get('Connection') or '') == 'close':
            self.close()
        return answer

    def read(self, head):
        line = self.file.readline()
        if not line:
            return None
        status = int(line.split(b' ')[1])
        if not line.startswith(b'HTTP/1.1 '):
            raise ValueError(line)
        headers = {}
        while True:
            line = self.file.readline()
            if line == b'\r\n':
                break
            name, value = line.decode('latin-1').split(':', 1)
            headers[name.lower()] = value.strip()
        if status == 100:
            return self.read(head)
        body = b''
        if head or status in (204, 304):
            pass
        elif headers.get('transfer-encoding') == 'chunked':
            while True:
                n = int(self.file.readline(), 16)
                body += self.file.read(n)
                self.file.readline()
                if n == 0:
                    break
        elif 'content-length' in headers:
            body = self.file.read(int(headers['content-length']))
            if len(body) != int(headers['content-length']):
                raise ValueError('short body')
        else:
            body = self.file.read()
        return Answer(status, headers, body)


class Fuzz:
    def __init__(self, cp, model, seed, signed=None):
        self.cp, self.model = cp, model
        self.rng = random.Random(seed)
        self.mutator = Mutator(self.rng)
        self.create, self.other, self.delete = corpus(model)
        self.plain = Connection(cp.port)
        self.signed = Connection(signed) if signed else None
        self.done, self.odd, self.seen = 0, [], {}

    def run(self, seconds):
        end = time.monotonic() + seconds
        for r in self.create:
            self.send(self.plain, copy.deepcopy(r))
        while time.monotonic() < end and len(self.odd) < 20:
            self.one()
        self.plain.close()
        if self.signed:
            self.signed.close()

    def one(self):
        kind = self.rng.random()
        some = self.create if kind < .5 else self.other if kind < .95 \
            else self.delete
        r = copy.deepcopy(self.rng.choice(some))
        if some is self.create and self.rng.random() < .4:
            self.rename(r)
        if self.signed and self.rng.random() < .3:
            self.send_signed(r)
            return
        if self.rng.random() < .85:
            self.mutator.request(r)
        self.send(self.plain, r)

    def rename(self, r):
        """One more resource, whatever its spec will become."""
        for name in r.body:
            if name.endswith('Name'):
                r.body[name] = 'n%d-%s' % (self.rng.randrange(20),
                                           r.body[name])
        r.body.pop('clientToken', None)

    def send_signed(self, r):
        host = '127.0.0.1:%d' % self.signed.port
        if self.rng.random() < .5:
            self.mutator.request(r)
        if self.rng.random() < .5:
            sign(r, host)
            if self.rng.random() < .8:
                name, value = r.headers.pop(-self.rng.choice([1, 1, 1, 2]))
                r.headers.append((name, self.mutator.field(value)))
        else:
            presign(r, host)
            if self.rng.random() < .8:
                path, _, query = r.target.partition('?')
                r.target = path + '?' + self.mutator.field(query)
        self.send(self.signed, r)

    def bytes_of(self, r, port):
        data = r.data()
        names = {n.lower() for n, _ in r.headers}
        lines = ['%s %s HTTP/1.1' % (r.method, r.target)]
        if 'host' not in names:
            lines.append('Host: 127.0.0.1:%d' % port)
        lines += ['%s: %s' % h for h in r.headers]
        if data and self.rng.random() < .1:
            lines.append('Transfer-Encoding: chunked')
            half = len(data) // 2
            data = b''.join(b'%x\r\n%s\r\n' % (len(d), d) for d in
                            (data[:half], data[half:]) if d) + b'0\r\n\r\n'
        elif data or r.method == 'PUT':
            lines.append('Content-Length: %d' % len(data))
        head = '\r\n'.join(lines + ['', ''])
        return head.encode('latin-1') + data

    def send(self, connection, r):
        data = self.bytes_of(r, connection.port)
        self.done += 1
        try:
            answer = connection.send(data, r.method == 'HEAD')
        except (OSError, ValueError, IndexError) as e:
            self.odd.append('%r to %.600r' % (e, data))
            return
        why = self.judge(r, answer)
        if why:
            self.odd.append('%s: %.300r to %.600r' % (
                why, answer and answer.body, data))

    def judge(self, r, answer):
        """What is wrong with an answer, None if nothing is."""
        if answer is None:
            return 'no answer'
        error = answer.get('x-amzn-ErrorType')
        key = answer.status, error
        self.seen[key] = self.seen.get(key, 0) + 1
        if answer.status >= 500 and answer.status not in NGINX_ERRORS:
            return 'status %d' % answer.status
        if r.method == 'HEAD' or answer.status == 304:
            return None
        if answer.get('Content-Type') != 'application/json':
            if error is None and answer.status in NGINX_ERRORS:
                return None
            return 'status %d without JSON' % answer.status
        try:
            body = json.loads(answer.body.decode())
        except ValueError:
            return 'no JSON'
        if answer.status != 200:
            if error not in self.model.errors and error not in OTHER_ERRORS:
                return 'error %s' % error
            if not isinstance(body.get('message'), str):
                return 'no message'
            return None
        operation = self.model.operation_of(r.method, r.target)
        why = operation and self.model.violations(operation, body)
        return why[0] if why else None


def walk(cp, mesh):
    """All resources of a mesh: [(kind, description)], and what is missing."""
    found, lost = [], []

    def pages(target, key):
        token = ''
        while token is not None:
            answer = cp.get(target + '?limit=100' + token)
            if answer.status != 200:
                lost.append('%s: %s' % (target, answer.message))
                return
            yield from answer.body[key]
            more = answer.body.get('nextToken')
            token = '&nextToken=' + quote(more) if more else None

    def collect(kind, base, key, parent=None):
        for x in pages(base, key):
            target = base + '/' + quote(x[member(kind)])
            answer = cp.get(target)
            if answer.status != 200:
                lost.append('%s: %s' % (target, answer.message))
                continue
            found.append((kind, answer.body))

    top = '/v20190125/meshes/' + quote(mesh)
    for kind in ('VirtualNode', 'VirtualService', 'VirtualRouter',
                 'VirtualGateway'):
        collect(kind, '%s/%s' % (top, member(kind, '') + 's'),
                member(kind, '') + 's')
    for kind, owner in PARENTS.items():
        for k, parent in list(found):
            if k == owner:
                collect(kind, '%s/%s/%s/%s' % (
                    top, member(owner, ''), quote(parent[member(owner)]),
                    member(kind, '') + 's'), member(kind, '') + 's')
    return found, lost


def dangling(found):
    """References to what is not there."""
    names = {(kind, body[member(kind)].lower() if kind == 'VirtualService'
              else body[member(kind)]) for kind, body in found}
    bad = []

    def want(kind, name, who):
        if (kind, name) not in names:
            bad.append('%s: no %s %s' % (who['metadata']['arn'], kind, name))

    for kind, body in found:
        spec = body['spec']
        if kind == 'VirtualService' and 'provider' in spec:
            (what, provider), = spec['provider'].items()
            want(what[0].upper() + what[1:], provider[what + 'Name'], body)
        elif kind == 'Route':
            (route,) = [v for k, v in spec.items() if k != 'priority']
            for target in route['action']['weightedTargets']:
                want('VirtualNode', target['virtualNode'], body)
        elif kind == 'GatewayRoute':
            (route,) = [v for k, v in spec.items() if k != 'priority']
            want('VirtualService', route['action']['target']['virtualService']
                 ['virtualServiceName'].lower(), body)
    return bad
