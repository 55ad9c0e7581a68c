"""Servers of HTTP/2 that misbehave by script, frame by frame.

A Fault2 is what mesh_fault.Fault is for HTTP/1: several addresses that are one
service, a script with a step for each attempt, and a list of attempts.  Frames
are written as they are; no library would write them in this order.  A step
is one word or several with "+" between them, carried out in this order:

    'read'          waits for the end of the request
    'got:1000'      waits for so many bytes of it
    'header'        HEADERS with status 200 of a gRPC answer
    'status:503'    HEADERS with another status, which end the answer
    'interim:103'   HEADERS with an interim status
    'data'          DATA: the message of the request, or "hi" if there is none
    'part'          DATA: the beginning of a message
    'trailer:0'     HEADERS with grpc-status, which end the answer
    'grpc:14'       an answer without a message: HEADERS with grpc-status
    'rst:7'         RST_STREAM with this error
    'goaway:0:L'    GOAWAY with this error; L is "before" the stream of this
                    attempt, "this" one, or "max"
    'ping'          PING and empty SETTINGS, which want an answer
    'close'         the connection is closed
    'reset'         ... by RST
    'cork', 'push'  what is between them arrives at once
    'sleep:100'     for so many milliseconds
    'mute'          nothing more happens
    'trickle:50'    DATA of a byte each 50 ms without an end
    'garbage'       no HTTP/2
"""

import socket
import struct
import threading
import time

from mesh_fault import Fault
from mesh_test import SLOW, wait

DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'


def frame(kind, flags=0, stream=0, payload=b''):
    return (struct.pack('>I', len(payload))[1:]
            + struct.pack('>BBI', kind, flags, stream) + payload)


def field(name, value):
    """A header field, literal and without indexing."""
    return b''.join([b'\x00'] + [bytes([len(x)]) + x.encode()
                                 for x in (name, value)])


GRPC = field('content-type', 'application/grpc')


class Attempt:
    def __init__(self, port, connection, stream):
        self.port, self.connection, self.stream = port, connection, stream
        self.body = b''
        self.ended = False
        self.reset = None
        self.done = False               # all of its step was carried out
        self.time = time.monotonic()


class Fault2(Fault):
    def __init__(self, *script, window=None, **kw):
        self.window = window
        self.connections = 0
        self.strange = []               # frames that no client may send
        super().__init__(*script, **kw)

    def serve(self, s, port):
        with self.lock:
            self.connections += 1
            number = self.connections
        _Connection(self, s, port, number).run()


class _Connection:
    def __init__(self, fault, s, port, number):
        self.fault, self.socket = fault, s
        self.port, self.number = port, number
        self.file = s.makefile('rb')
        self.lock = threading.Lock()
        self.attempts = {}
        self.settings = 1               # that were not acknowledged
        self.pings = 0
        self.corked = None

    def send(self, *args):
        with self.lock:
            if self.corked is None:
                self.socket.sendall(frame(*args))
            else:
                self.corked += frame(*args)

    def exactly(self, n):
        data = self.file.read(n)
        if len(data) != n:
            raise OSError('closed')
        return data

    def run(self):
        try:
            if self.exactly(len(PREFACE)) != PREFACE:
                self.fault.strange.append('no preface')
                return
            self.send(SETTINGS, 0, 0, struct.pack(
                '>HI', 4, self.fault.window) if self.fault.window else b'')
            while True:
                head = self.exactly(9)
                size = struct.unpack('>I', b'\0' + head[:3])[0]
                kind, flags, stream = struct.unpack('>BBI', head[3:])
                self.take(kind, flags, stream, self.exactly(size))
        except (OSError, ValueError):
            pass
        finally:
            for a in self.attempts.values():
                a.reset = a.reset or 'closed'
            self.file.close()
            self.socket.close()

    def take(self, kind, flags, stream, payload):
        fault = self.fault
        a = self.attempts.get(stream)
        if kind == HEADERS:
            if a or stream % 2 == 0:
                fault.strange.append('HEADERS of %d' % stream)
            a = Attempt(self.port, self.number, stream)
            self.attempts[stream] = a
            with fault.lock:
                fault.attempts.append(a)
                n = min(len(fault.attempts), len(fault.script))
                step = fault.script[n - 1]
            threading.Thread(target=self.serve, args=(a, step),
                             daemon=True).start()
        elif kind == DATA:
            if a is None:
                fault.strange.append('DATA of %d' % stream)
                return
            a.body += payload
            if payload:
                more = struct.pack('>I', len(payload))
                self.send(WINDOW, 0, 0, more)
                if not fault.window:
                    self.send(WINDOW, 0, stream, more)
        elif kind == RST and a:
            a.reset = struct.unpack('>I', payload)[0]
        elif kind == SETTINGS and flags & ACK:
            self.settings -= 1
            if self.settings < 0:
                fault.strange.append('acknowledged SETTINGS nobody sent')
        elif kind == SETTINGS:
            self.send(SETTINGS, ACK)
        elif kind == PING and flags & ACK:
            self.pings -= 1
            if self.pings < 0:
                fault.strange.append('answered a PING nobody sent')
        if a and kind in (HEADERS, DATA) and flags & END_STREAM:
            a.ended = True

    def serve(self, a, step):
        try:
            for word in step.split('+'):
                name, *args = word.split(':')
                getattr(self, 'do_' + name)(a, *args)
        except OSError:
            pass
        finally:
            a.done = True

    def headers(self, a, payload, flags=0):
        self.send(HEADERS, END_HEADERS | flags, a.stream, payload)

    def do_read(self, a):
        wait(lambda: a.ended or a.reset is not None, 20, 0.001)
        if not a.ended:
            raise OSError('the client gave up')

    def do_got(self, a, n):
        wait(lambda: len(a.body) >= int(n) or a.reset is not None, 20, 0.001)
        if len(a.body) < int(n):
            raise OSError('the client gave up')

    def do_header(self, a):
        self.headers(a, field(':status', '200') + GRPC)

    def do_status(self, a, code):
        self.headers(a, field(':status', code), END_STREAM)

    def do_interim(self, a, code):
        self.headers(a, field(':status', code))

    def do_data(self, a):
        data = a.body or b'hi'
        for i in range(0, len(data), 16384):
            self.send(DATA, 0, a.stream, data[i:i + 16384])

    def do_part(self, a):
        self.send(DATA, 0, a.stream, b'\0\0\0\0\x63part')

    def do_trailer(self, a, code):
        self.headers(a, field('grpc-status', code), END_STREAM)

    def do_grpc(self, a, code):
        self.headers(a, field(':status', '200') + GRPC
                     + field('grpc-status', code), END_STREAM)

    def do_rst(self, a, code):
        self.send(RST, 0, a.stream, struct.pack('>I', int(code)))

    def do_goaway(self, a, code, last):
        last = {'before': max(0, a.stream - 2), 'this': a.stream,
                'max': (1 << 31) - 1}[last]
        self.send(GOAWAY, 0, 0, struct.pack('>II', last, int(code)))

    def do_ping(self, a):
        self.settings += 1
        self.pings += 1
        self.send(SETTINGS)
        self.send(PING, 0, 0, b'12345678')

    def do_cork(self, a):
        self.corked = b''

    def do_push(self, a):
        with self.lock:
            data, self.corked = self.corked, None
            self.socket.sendall(data)

    def do_close(self, a):
        self.socket.shutdown(socket.SHUT_RDWR)

    def do_reset(self, a):
        # at once, whoever reads from it
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack('ii', 1, 0))
        self.socket.shutdown(socket.SHUT_RD)

    def do_sleep(self, a, ms):
        time.sleep(int(ms) / 1000)

    def do_mute(self, a):
        self.fault.stopped.wait(30 * SLOW)

    def do_trickle(self, a, ms):
        while not self.fault.stopped.is_set():
            self.send(DATA, 0, a.stream, b'x')
            time.sleep(int(ms) / 1000)

    def do_garbage(self, a):
        with self.lock:
            self.socket.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')
