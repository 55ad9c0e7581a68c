"""Servers that misbehave by script.

A Fault listens at several addresses that are one service and counts attempts
over all of them.  Its script is a list of steps, one for each attempt; the last
one is for all that come after.  A step is:

    'status 409'        an answer with this status
    'close', 'reset'    after the request, without a byte
    'close 12'          after this many bytes of the header of a 200
    'reset 12'          the same by RST
    'body 3'            a 200 of ten bytes that ends after three
    'cut 3'             the same by RST
    'long 5'            a 200 of ten bytes with five more behind it
    'chunks 2'          a 200 in chunks that ends after two, without an end
    'huge'              a header of 100 KiB
    'interim 103 ...'   an interim answer, then what follows
    'both 103'          an interim answer and a 200 in one packet
    'early ...'         what follows, before the body of the request was read
    'mute'              never a byte
    'drip 50'           a byte of the header each 50 ms
    'trickle 50'        a header, and a byte of an endless body each 50 ms
    'garbage'           no HTTP
    'sleep 700'         an answer after 700 ms
    'ok'                200

There are also closed(), a port nobody listens at, and full(), one that takes
no more connections.
"""

import select
import socket
import struct
import threading
import time
import traceback

from mesh_test import (SLOW, Sidecar, at_end, document, read_chunks,
                       read_request, reply, tap, wait)

FLAGS = 'add_header X-Flags $mesh_response_flags always;'


def spent(flags, attempts):
    """The flags of a request all of whose attempts failed: if there were
    several, no retry was left."""
    if attempts == 1:
        return flags
    return 'URX' if flags == '-' else flags + ',URX'


OK = reply('ok')
TEN = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789'
INTERIM = b'HTTP/1.1 %s Wait\r\nLink: </x>; rel=preload\r\n\r\n'
LONG = b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'


class Fault:
    def __init__(self, *script, n=3):
        self.script = script
        self.attempts = []              # (port, method, body, time)
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.sockets = [socket.socket() for _ in range(n)]
        for s in self.sockets:
            s.bind(('127.0.0.1', 0))
            s.listen(64)
            threading.Thread(target=self.accept, args=(s,),
                             daemon=True).start()
        self.ports = [s.getsockname()[1] for s in self.sockets]
        at_end(self.close)

    def close(self):
        self.stopped.set()
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def reset(self, *script):
        with self.lock:
            self.attempts = []
            if script:
                self.script = script

    def accept(self, listening):
        port = listening.getsockname()[1]
        while True:
            try:
                s, _ = listening.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(s, port),
                             daemon=True).start()

    def serve(self, s, port):
        f = s.makefile('rb')
        try:
            while True:
                r = read_request(f)
                if r is None:
                    return
                with self.lock:
                    attempts, n = self.attempts, len(self.attempts)
                    attempts.append(None)
                    step = self.script[min(n, len(self.script) - 1)]
                if not step.startswith('early'):
                    self.read_body(f, r)
                attempts[n] = (port, r.method, r.body, time.monotonic())
                if not self.do(s, *step.split(' ')):
                    return
        except (OSError, ValueError):
            pass
        finally:
            f.close()
            s.close()

    def read_body(self, f, r):
        if r.header('Content-Length'):
            r.body = f.read(int(r.header('Content-Length')))
        elif (r.header('Transfer-Encoding') or '').lower() == 'chunked':
            r.body = read_chunks(f)

    def do(self, s, step, *more):
        return getattr(self, 'do_' + step)(s, *more)

    def do_early(self, s, *step):
        self.do(s, *step)

    def do_interim(self, s, code, *step):
        s.sendall(INTERIM % code.encode())
        return self.do(s, *step)

    def do_both(self, s, code):
        s.sendall(INTERIM % code.encode() + TEN)
        return True

    def do_ok(self, s):
        s.sendall(OK)
        return True

    def do_status(self, s, code):
        s.sendall(reply('status ' + code, code + ' Whatever',
                        [('X-Own', code)]))
        return True

    def do_close(self, s, n='0'):
        s.sendall(TEN[:int(n)])

    def do_reset(self, s, n='0'):
        s.sendall(TEN[:int(n)])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 1, 0))

    def do_body(self, s, n):
        s.sendall(TEN[:len(TEN) - 10 + int(n)])

    def do_cut(self, s, n):
        s.sendall(TEN[:len(TEN) - 10 + int(n)])
        time.sleep(0.01)        # an RST overtakes what was not read
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack('ii', 1, 0))

    def do_long(self, s, n):
        s.sendall(TEN + b'y' * int(n))
        return True

    def do_chunks(self, s, n):
        s.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                  + b'2\r\nab\r\n' * int(n))

    def do_huge(self, s):
        s.sendall(b'HTTP/1.1 200 OK\r\nX-Huge: ' + b'x' * 100000)
        s.sendall(b'\r\nContent-Length: 0\r\n\r\n')

    def do_garbage(self, s):
        s.sendall(b'\x16\x03\x01 no http\r\n\r\n')

    def do_mute(self, s):
        self.stopped.wait(30 * SLOW)

    def do_sleep(self, s, ms):
        time.sleep(int(ms) / 1000)
        s.sendall(OK)
        return True

    def do_drip(self, s, ms):
        for i in range(len(TEN)):
            s.sendall(TEN[i:i + 1])
            time.sleep(int(ms) / 1000)

    def do_trickle(self, s, ms):
        s.sendall(LONG)
        while not self.stopped.is_set():
            s.sendall(b'x')
            time.sleep(int(ms) / 1000)


def together(calls):
    """At the same time, each in a thread; one that raises fails the test."""
    failed = []

    def run(call):
        try:
            call()
        except Exception:               # the others are still worth it
            failed.append(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(c,)) for c in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.ok(not failed, 'all of %d parts came to their end' % len(calls),
           *failed)


def closed():
    """A port that refuses: bound, so that nobody else gets it."""
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    at_end(s.close)
    return s.getsockname()[1]


def full():
    """A port that does not answer a SYN: its queue is full."""
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    s.listen(1)
    kept = [s]
    at_end(lambda: [k.close() for k in kept])
    clients = [socket.socket() for _ in range(10)]
    kept += clients
    for c in clients:
        c.setblocking(False)
        c.connect_ex(s.getsockname())
    # one more than was asked for fits in; what is on its way does not matter
    if not wait(lambda: len(select.select([], clients, [], 0)[1]) >= 2):
        raise RuntimeError('nobody gets into a queue')
    return s.getsockname()[1]


# the proxy in front of them

def duration(ms):
    return {'unit': 'ms', 'value': ms}


def policy(*events, retries=2, per_try=10000):
    """A retryPolicy; events by name of any of the three lists."""
    http = [e for e in events if e in ('server-error', 'gateway-error',
                                       'client-error', 'stream-error')]
    tcp = [e for e in events if e == 'connection-error']
    grpc = [e for e in events if e not in http + tcp]
    found = {'maxRetries': retries, 'perRetryTimeout': duration(per_try)}
    for name, value in (('httpRetryEvents', http), ('tcpRetryEvents', tcp),
                        ('grpcRetryEvents', grpc)):
        if value:
            found[name] = value
    return found


def routed(version, ports, retry=None, timeout=None, protocol='http'):
    d = document(version, {'a': ports}, protocol=protocol)
    rule = d['routes'][0]['spec'][protocol + 'Route']
    if retry:
        rule['retryPolicy'] = retry
    if timeout:
        rule['timeout'] = {k: duration(v) for k, v in timeout.items()}
    return d


class Mesh:
    """A sidecar whose document is replaced from case to case."""

    def __init__(self, **kw):
        self.version = 0
        self.n = Sidecar(routed(0, [1]), location=FLAGS, **kw).start()

    def use(self, ports, **kw):
        self.version += 1
        self.n.put(routed(self.version, ports, **kw))
        self.n.at(str(self.version))

    def end(self):
        tap.ok(wait(lambda: self.n.in_flight() == 0),
               'nothing stays in flight')
        tap.ok(self.n.stop(), 'ends')
        tap.same(self.n.bad(), [], 'no alerts')
