#!/usr/bin/env python3
#
# What lives long or is large: WebSockets, bodies of a gigabyte, gRPC calls and
# streams.  They have to pass in constant memory, and to outlive any number of
# changes to the mesh.

import base64
import hashlib
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

import mesh_h2

from mesh_fault import routed
from mesh_test import (SANITIZE, Backend, Sidecar, connect, document,
                       free_port, listen_http2, rss, tap, wait)


# WebSocket, RFC 6455

def accept_key(key):
    guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    return base64.b64encode(hashlib.sha1((key + guid).encode())
                            .digest()).decode()


def frame(data, mask=b''):
    n = len(data)
    bit = 0x80 if mask else 0
    head = bytes([0x82, bit | n]) if n < 126 \
        else bytes([0x82, bit | 126]) + struct.pack('>H', n)
    if mask:
        data = bytes(c ^ mask[i % 4] for i, c in enumerate(data))
    return head + mask + data


def read_frame(f):
    n = f.read(2)[1]
    mask, n = n & 0x80, n & 0x7f
    if n == 126:
        n = struct.unpack('>H', f.read(2))[0]
    key = f.read(4) if mask else b''
    data = f.read(n)
    if mask:
        data = bytes(c ^ key[i % 4] for i, c in enumerate(data))
    return data


def echo(s, f, r):
    seen.append(r)
    s.sendall(('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
               'Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n'
               % accept_key(r.header('Sec-WebSocket-Key'))).encode())
    while True:
        data = read_frame(f)
        if data == b'bye':
            return False
        s.sendall(frame(b'echo ' + data))


seen = []


def websocket():
    a = Backend('a', raw=echo)
    b = Backend('b')
    n = Sidecar(document(1, {'a': [a.port]})).start()
    n.at('1')

    key = base64.b64encode(os.urandom(16)).decode()
    s = connect(n.egress)
    f = s.makefile('rb')
    s.sendall(('GET /chat HTTP/1.1\r\nHost: app.local\r\nUpgrade: websocket'
               '\r\nConnection: keep-alive, Upgrade\r\nOrigin: http://o\r\n'
               'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n'
               % key).encode())
    head = []
    while True:
        line = f.readline().decode().strip()
        if not line:
            break
        head.append(line)
    tap.ok(head and head[0].startswith('HTTP/1.1 101'), 'handshake', head)
    tap.ok('Sec-WebSocket-Accept: ' + accept_key(key) in head, 'its key')
    tap.same((seen[0].header('Upgrade'), seen[0].header('Connection').lower(),
              seen[0].header('Origin')),
             ('websocket', 'upgrade', 'http://o'), 'what the backend saw')

    def talk(text):
        s.sendall(frame(text, b'\1\2\3\4'))
        return read_frame(f)

    tap.same(talk(b'hello'), b'echo hello', 'a frame each way')
    tap.same(talk(b'x' * 60000), b'echo ' + b'x' * 60000, 'a large one')
    tap.same(n.in_flight(), 1, 'it is in flight')

    good = True
    for i in range(2, 62):
        n.put(document(i, {'ab'[i % 2]: [(a, b)[i % 2].port]}))
        good = n.at(str(i)) and good
        good = talk(b'%d' % i) == b'echo %d' % i and good
    tap.ok(good, 'it survives sixty documents, half of them without it')
    tap.same(n.info()['worker']['snapshots'], 2,
             'and keeps the one it came with')

    n.put(document(100, {'b': [b.port]}))
    n.at('100')
    s.sendall(frame(b'bye', b'\1\2\3\4'))
    tap.same(f.read(), b'', 'it ends when the backend ends it')
    s.close()
    tap.ok(wait(lambda: n.info()['worker']['snapshots'] == 1),
           'and its document is freed')
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad(), [], 'no alerts')


# a gigabyte

SIZE = (1 << 30) if not SANITIZE else (1 << 28)
BLOCK = bytes(1 << 20)

# what a worker may grow by: buffers of a few connections
GROWTH = 4096


def drain(s, size):
    buf = bytearray(1 << 20)
    left = size
    while left:
        n = s.recv_into(buf, min(left, len(buf)))
        if n == 0:
            break
        left -= n
    return size - left


def giant(s, f, r):
    if r.method == 'POST':
        n = 0
        while n < SIZE:
            part = f.read1(1 << 20)
            if not part:
                break
            n += len(part)
        text = b'%d' % n
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s'
                  % (len(text), text))
        return True
    if r.path == '/chunked':
        s.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        chunk = b'%x\r\n%s\r\n' % (len(BLOCK), BLOCK)
        for _ in range(SIZE // 4 // len(BLOCK)):
            s.sendall(chunk)
        s.sendall(b'0\r\n\r\n')
        return True
    s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % SIZE)
    for _ in range(SIZE // len(BLOCK)):
        s.sendall(BLOCK)
    return True


def gigabyte():
    a = Backend('a', raw=giant)
    # however long that takes here
    n = Sidecar(routed(1, [a.port], timeout={'perRequest': 0})).start()
    n.at('1')
    pid = n.worker_pids()[0]

    def sampled(name, transfer):
        transfer(1 << 20)               # buffers are there from now on
        before, most = rss(pid), []
        stop = threading.Event()

        def sample():
            while not stop.wait(0.02):
                most.append(rss(pid))

        t = threading.Thread(target=sample)
        t.start()
        good = transfer(None)
        stop.set()
        t.join()
        tap.ok(good, name + ': all of it arrives')
        if SANITIZE:
            tap.skip(name + ': memory', 'a sanitizer keeps what was freed')
        else:
            tap.ok(most and max(most) - before < GROWTH, name + ': memory',
                   'before %d KiB, at most %d KiB' % (before,
                                                      max(most or [0])))

    def get(path, size):
        def transfer(part):
            with connect(n.egress) as s:
                s.sendall(b'GET %s HTTP/1.1\r\nHost: app.local\r\n'
                          b'Connection: close\r\n\r\n' % path)
                if part:
                    return drain(s, part)
                return drain(s, size) == size
        return transfer

    def post(part):
        with connect(n.egress) as s:
            s.sendall(b'POST / HTTP/1.1\r\nHost: app.local\r\n'
                      b'Content-Length: %d\r\n\r\n' % SIZE)
            for _ in range((part or SIZE) // len(BLOCK)):
                s.sendall(BLOCK)
            if not part:
                return (b'%d' % SIZE) in s.recv(4096)

    sampled('a response', get(b'/', SIZE))
    sampled('a chunked response', get(b'/chunked', SIZE // 4))
    sampled('a request', post)

    # a client that reads nothing, and one that goes away, cost nothing either
    before = rss(pid)
    idle = []
    for _ in range(10):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(('127.0.0.1', n.egress))
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        idle.append(s)
    tap.ok(wait(lambda: n.in_flight() == 10), 'ten who do not read')
    if not SANITIZE:
        tap.ok(rss(pid) - before < GROWTH, 'need no memory',
               'before %d KiB, now %d KiB' % (before, rss(pid)))
    for s in idle:
        s.close()
    tap.ok(wait(lambda: n.in_flight() == 0), 'and are gone when they go')

    temp = [f for _, _, files in os.walk(n.path('temp')) for f in files]
    tap.same(temp, [], 'no temporary files')
    tap.same(n.lines('buffered to a temporary file'), [], 'at no time')
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad(), [], 'no alerts')


# gRPC

def grpc():
    if not mesh_h2.AVAILABLE:
        tap.skip('gRPC', 'no python3-h2')
        return

    server = mesh_h2.Server(mesh_h2.grpc_answer)
    port = free_port()
    routes = [{'virtualRouterName': 'app', 'routeName': 'r', 'spec': {
        'grpcRoute': {
            'match': {'serviceName': 'pkg.Echo'},
            'action': {'weightedTargets': [
                {'virtualNode': 'g', 'weight': 1}]}}}}]
    n = Sidecar(document(1, {'g': [server.port]}, protocol='grpc',
                         routes=routes),
                http='server { %s location / { mesh_pass egress; } }'
                % listen_http2('127.0.0.1:%d' % port)).start()
    n.at('1')

    c = mesh_h2.Client(port)
    r = c.call('/pkg.Echo/Say', b'hello', [('x-meta', 'm')])
    tap.same((r.header(':status'), r.header('x-initial'), r.data),
             ('200', 'i', mesh_h2.message(b'hello')), 'a unary call')
    tap.same((r.trailer('grpc-status'), r.trailer('x-trailing')), ('0', 't'),
             'its trailers')
    call = server.calls[0]
    tap.same((call.path, call.header(':authority'), call.header('te'),
              call.header('x-meta'), call.header('content-type')),
             ('/pkg.Echo/Say', 'app.local', 'trailers', 'm',
              'application/grpc'), 'what the backend saw')

    r = c.call('/pkg.Echo/Fail', b'x')
    tap.same((r.header(':status'), r.header('grpc-status'),
              r.header('grpc-message'), r.data), ('200', '13', 'failed', b''),
             'trailers-only of the application')

    r = c.call('/pkg.Other/Say', b'x')
    tap.same((r.header(':status'), r.header('content-type'),
              r.header('grpc-status'), r.data, r.trailers),
             ('200', 'application/grpc', '12', b'', []),
             'no route: UNIMPLEMENTED, trailers-only')
    r = c.call('/pkg.Echo/Say', b'x', host='nobody.local')
    tap.same((r.header(':status'), r.header('grpc-status'), r.data),
             ('200', '12', b''), 'no such service: the same')

    for i in range(30):
        r = c.call('/pkg.Echo/Say', b'%d' % i)
        if r.data != mesh_h2.message(b'%d' % i):
            break
    tap.same((i, r.trailer('grpc-status')), (29, '0'), 'thirty calls')
    tap.same(server.connections, 1, 'on one connection to the backend')

    # large messages
    r = c.call('/pkg.Echo/Say', bytes(3 << 20))
    tap.same((len(r.data), r.trailer('grpc-status')), ((3 << 20) + 5, '0'),
             'a large message')

    # a stream both ways, across changes of the document
    def stream(call):
        n_seen = 0
        call.respond([(':status', '200'),
                      ('content-type', 'application/grpc')])
        while True:
            call.receive(lambda: len(call.data) >= (n_seen + 1) * 6)
            if len(call.data) < (n_seen + 1) * 6:
                break
            n_seen += 1
            call.send(call.data[(n_seen - 1) * 6:n_seen * 6])
        call.end([('grpc-status', '0')], end=True)

    server.answer = stream
    number = c.open('/pkg.Echo/Chat', [('content-type', 'application/grpc'),
                                       ('te', 'trailers')])
    good = True
    for i in range(20):
        c.send(number, mesh_h2.message(b'%c' % (65 + i)))
        s = c.until(number, lambda s: len(s.data) >= (i + 1) * 6)
        good = good and s.data[-1:] == b'%c' % (65 + i)
        if i % 4 == 0:
            n.put(document(10 + i, {'other': [1]}, protocol='grpc'))
            n.at(str(10 + i))
    tap.ok(good, 'a stream both ways, across documents')
    c.send(number, b'', end=True)
    s = c.until(number)
    tap.same(s.trailer('grpc-status'), '0', 'and its end')

    n.put(document(50, {'g': [free_port()]}, protocol='grpc'))
    n.at('50')
    r = c.call('/pkg.Echo/Say', b'x')
    tap.same((r.header(':status'), r.header('grpc-status')), ('200', '14'),
             'nobody listens: UNAVAILABLE')
    n.put(document(51, {'g': []}, protocol='grpc'))
    n.at('51')
    r = c.call('/pkg.Echo/Say', b'x')
    tap.same((r.header('grpc-status'), r.header('grpc-message')),
             ('14', 'no healthy upstream'), 'no endpoint: UNAVAILABLE')

    # not gRPC, though on a port of HTTP/2
    number = c.open('/x', method='GET', end=True, host='nobody.local')
    r = c.until(number)
    tap.same((r.header(':status'), r.header('grpc-status')), ('404', None),
             'what is not gRPC gets a status of HTTP')

    c.close()
    tap.ok(wait(lambda: n.in_flight() == 0), 'nothing stays in flight')
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad(), [], 'no alerts')


tap.run(websocket, gigabyte, grpc)
