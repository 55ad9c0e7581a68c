#!/usr/bin/env python3
"""Who a proxy tells of its requests: they read, count and throw away.

"udp" is an X-Ray daemon or a DogStatsD agent and counts datagrams; "otlp" is a
collector of OpenTelemetry and counts spans.  Each is a process of its own, off
the proxy's core.  Datagrams are fetched in heaps, every other millisecond: to
be woken for each of them would cost the load generator more than the proxy.
"""

import http.server
import os
import select
import socket
import subprocess
import sys
import threading

PAUSE = 0.002
BUFFER = 4 << 20    # bytes
FORCE = 33          # SO_RCVBUFFORCE, which Python has no name for


class Sink:
    """The process; count() is what it got so far."""

    def __init__(self, kind, core):
        self.popen = subprocess.Popen(
            [sys.executable, __file__, kind], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.port = self._number()

    def _number(self):
        line = self.popen.stdout.readline()
        if not line:
            raise RuntimeError('a sink has ended')
        return int(line)

    def count(self):
        self.popen.stdin.write('\n')
        return self._number()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.stdin.close()
        self.popen.wait()


def say(number):
    print(number, flush=True)


def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.setsockopt(socket.SOL_SOCKET, FORCE, BUFFER)
    except PermissionError:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    s.bind(('127.0.0.1', 0))
    s.setblocking(False)
    say(s.getsockname()[1])

    place = bytearray(65536)
    n = 0

    while True:
        asked = select.select([0], [], [], PAUSE)[0]
        n += drain(s, place)
        if asked:
            if not os.read(0, 64):
                return
            say(n)


def drain(s, place):
    n = 0
    try:
        while True:
            s.recv_into(place)
            n += 1
    except BlockingIOError:
        return n


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    spans = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        Collector.spans += spans(body)
        self.send_response(200)
        self.send_header('Content-Type', 'application/x-protobuf')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *args):
        pass


# ExportTraceServiceRequest.resource_spans, .scope_spans, .spans

SPANS = (1, 2, 2)


def spans(body, path=SPANS):
    """How many messages there are at a path of field numbers."""

    if not path:
        return 1

    n = pos = 0
    while pos < len(body):
        tag, pos = varint(body, pos)
        if tag & 7 != 2:
            raise ValueError('not a message or string')
        size, pos = varint(body, pos)
        if tag >> 3 == path[0]:
            n += spans(body[pos:pos + size], path[1:])
        pos += size
    return n


def varint(body, pos):
    value = shift = 0
    while True:
        byte = body[pos]
        pos += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, pos


def otlp():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Collector)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.server_address[1])

    while os.read(0, 64):
        say(Collector.spans)


if __name__ == '__main__':
    {'udp': udp, 'otlp': otlp}[sys.argv[1]]()
