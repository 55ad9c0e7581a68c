"""A client of the control plane: HTTP/1.1 over connections that stay open, as
little work as possible for each call; and the resources of a mesh."""

import hashlib
import hmac
import json
import resource
import selectors
import socket
import time

API = '/v20190125/meshes'
REGION, SERVICE = 'us-east-1', 'appmesh'
KEY, SECRET = 'AKIABENCH', 'bench-secret'


def more_files(number):
    """As many sockets as this; RuntimeError where that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        raise RuntimeError('only %d open files are allowed' % hard)
    if soft != resource.RLIM_INFINITY and soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


def request(method, path, body=None, headers=()):
    data = b'' if body is None else json.dumps(body).encode()
    lines = ['%s %s HTTP/1.1' % (method, path), 'Host: bench']
    if body is not None:
        lines += ['Content-Type: application/json',
                  'Content-Length: %d' % len(data)]
    lines += ['%s: %s' % h for h in dict(headers).items()]
    return '\r\n'.join(lines + ['', '']).encode() + data


class Connection:
    """Reads answers as they come; "sent" is when the last request went."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), 60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b''
        self.sent = 0.0

    def send(self, data):
        self.sent = time.monotonic()
        self.socket.sendall(data)

    def receive(self):
        """(status, headers, body) of one answer, None while not all of it is
        there."""
        part = self.socket.recv(262144)
        if not part:
            raise RuntimeError('the control plane closed a connection')
        self.data += part
        return self.answer()

    def answer(self):
        head, mark, rest = self.data.partition(b'\r\n\r\n')
        if not mark:
            return None
        lines = head.decode('latin-1').split('\r\n')
        headers = {k.lower(): v.strip() for k, _, v in
                   (line.partition(':') for line in lines[1:])}
        status = int(lines[0].split()[1])
        if 'chunked' in headers.get('transfer-encoding', ''):
            body, rest = chunks(rest)
            if body is None:
                return None
        else:
            size = 0 if status in (204, 304) \
                else int(headers.get('content-length', 0))
            if len(rest) < size:
                return None
            body, rest = rest[:size], rest[size:]
        self.data = rest
        return status, headers, body

    def call(self, data):
        self.send(data)
        while True:
            answer = self.receive()
            if answer:
                return answer

    def close(self):
        self.socket.close()


def chunks(data):
    """(body, what follows); (None, None) while not all of it is there."""
    body = b''
    while True:
        size, mark, rest = data.partition(b'\r\n')
        if not mark:
            return None, None
        size = int(size.split(b';')[0], 16)
        if len(rest) < size + 2:
            return None, None
        body, data = body + rest[:size], rest[size + 2:]
        if size == 0:
            return body, data


class Client:
    """Calls one after another, or many at once over all connections."""

    def __init__(self, port, connections):
        self.connections = [Connection(port) for _ in range(connections)]

    def call(self, method, path, body=None, headers=(), want=200):
        answer = self.connections[0].call(request(method, path, body, headers))
        if want and answer[0] != want:
            raise RuntimeError('%s %s: %d %s' % (method, path, answer[0],
                                                 answer[2][:300]))
        return answer

    def get(self, path, **kw):
        return self.call('GET', path, **kw)

    def put(self, path, body):
        return json.loads(self.call('PUT', path, body)[2])

    def all(self, requests, seconds=None):
        """Sends all requests (bytes), each connection its next one when it has
        an answer.  Returns (latencies in s, duration in s); stops sending
        after "seconds"."""
        requests = iter(requests)
        latencies = []
        begin = time.monotonic()
        end = begin + seconds if seconds else float('inf')

        with selectors.EpollSelector() as selector:
            def send(connection):
                data = next(requests, None) if time.monotonic() < end else None
                if data is None:
                    selector.unregister(connection.socket)
                else:
                    connection.send(data)

            for connection in self.connections:
                selector.register(connection.socket, selectors.EVENT_READ,
                                  connection)
                send(connection)
            while selector.get_map():
                for key, _ in selector.select():
                    answer = key.data.receive()
                    if not answer:
                        continue
                    if answer[0] != 200:
                        raise RuntimeError('%d %s' % (answer[0],
                                                      answer[2][:300]))
                    latencies.append(time.monotonic() - key.data.sent)
                    send(key.data)
        return latencies, time.monotonic() - begin

    def close(self):
        for connection in self.connections:
            connection.close()


class Watchers:
    """Proxies that wait for their document: (mesh, node) each.

    ".etags" is what each has; wait() sends the next request of each, woken()
    collects the answers.
    """

    def __init__(self, port, nodes):
        more_files(len(nodes) + 256)
        self.nodes = nodes
        self.etags = [None] * len(nodes)
        self.connections = [Connection(port) for _ in nodes]
        for n in range(len(nodes)):
            status, headers, _ = self.connections[n].call(self.request(n, ()))
            if status != 200:
                raise RuntimeError('no document: status %d' % status)
            self.etags[n] = headers['etag']

    def request(self, n, headers):
        return request('GET', '/mesh/v1/meshes/%s/virtualNodes/%s/document'
                       % self.nodes[n],
                       headers=dict(headers, **{'Mesh-Proxy-Id': 'p%d' % n}))

    def wait(self, seconds=300):
        for n, connection in enumerate(self.connections):
            connection.send(self.request(n, {
                'If-None-Match': self.etags[n],
                'Prefer': 'wait=%d' % seconds}))

    def woken(self, timeout=30):
        """[when (monotonic) each got its new document], of all of them."""
        when = []
        end = time.monotonic() + timeout
        with selectors.EpollSelector() as selector:
            for n, connection in enumerate(self.connections):
                selector.register(connection.socket, selectors.EVENT_READ, n)
            while selector.get_map():
                if time.monotonic() > end:
                    raise RuntimeError('%d of %d watchers were not woken'
                                       % (len(selector.get_map()),
                                          len(self.connections)))
                for key, _ in selector.select(1):
                    connection = self.connections[key.data]
                    answer = connection.receive()
                    if not answer:
                        continue
                    if answer[0] != 200:
                        raise RuntimeError('a watcher got %d' % answer[0])
                    when.append(time.monotonic())
                    self.etags[key.data] = answer[1]['etag']
                    selector.unregister(connection.socket)
        return when

    def close(self):
        for connection in self.connections:
            connection.close()


def signature(method, path, host):
    """Headers of a request without a body and a query, signed now."""
    date = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
    scope = '/'.join([date[:8], REGION, SERVICE, 'aws4_request'])
    nothing = hashlib.sha256(b'').hexdigest()
    canonical = '\n'.join([method, path, '', 'host:' + host,
                           'x-amz-date:' + date, '', 'host;x-amz-date',
                           nothing])
    text = '\n'.join(['AWS4-HMAC-SHA256', date, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    k = ('AWS4' + SECRET).encode()
    for part in scope.split('/'):
        k = hmac.new(k, part.encode(), 'sha256').digest()
    return {'X-Amz-Date': date, 'Authorization':
            'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=host;x-amz-date,'
            ' Signature=%s' % (KEY, scope, hmac.new(k, text.encode(),
                                                    'sha256').hexdigest())}


# resources, as requests that create them


def new_mesh(plane, name):
    c = plane.client()
    c.put(API, {'meshName': name})
    c.close()


def create(mesh, kind, name, spec, router=None):
    collection = 'virtualRouter/%s/routes' % router if router \
        else 'virtual%ss' % kind
    member = 'routeName' if router else 'virtual%sName' % kind
    return request('PUT', '%s/%s/%s' % (API, mesh, collection),
                   {member: name, 'spec': spec})


def node_spec(backends=()):
    return {'listeners': [{'portMapping': {'port': 8080, 'protocol': 'http'}}],
            'serviceDiscovery': {'dns': {'hostname': '127.0.0.1'}},
            'backends': [{'virtualService': {'virtualServiceName': name}}
                         for name in backends]}


def router_spec():
    return {'listeners': [{'portMapping': {'port': 8080,
                                           'protocol': 'http'}}]}


def service_spec(router):
    return {'provider': {'virtualRouter': {'virtualRouterName': router}}}


def route_spec(weights, prefix='/'):
    return {'httpRoute': {'match': {'prefix': prefix}, 'action': {
        'weightedTargets': [{'virtualNode': node, 'weight': weight}
                            for node, weight in weights.items()]}}}
