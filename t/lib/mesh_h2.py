"""HTTP/2 and gRPC, over python3-h2, which Debian has for its own Python only:
a test that imports this goes on there if need be."""

import os
import socket
import struct
import sys
import threading

try:
    import h2.config
    import h2.connection
    import h2.events
    AVAILABLE = True
except ImportError:
    AVAILABLE = False
    _debian = '/usr/bin/python3'
    if os.path.exists(_debian) and not os.environ.get('MESH_PYTHON_H2'):
        os.environ['MESH_PYTHON_H2'] = '1'
        os.execv(_debian, [_debian] + sys.argv)

from mesh_test import SLOW, at_end


def message(data):
    """One gRPC message."""
    return struct.pack('>BI', 0, len(data)) + data


class Stream:
    def __init__(self):
        self.headers = []
        self.trailers = []
        self.data = b''
        self.ended = False
        self.reset = None

    def header(self, name, where=None):
        for k, v in self.headers if where is None else where:
            if k == name:
                return v
        return None

    def trailer(self, name):
        return self.header(name, self.trailers)


def _note(stream, event):
    """What an event says about its stream."""
    if isinstance(event, (h2.events.RequestReceived,
                          h2.events.ResponseReceived)):
        stream.headers = [(k, v) for k, v in event.headers]
    elif isinstance(event, h2.events.TrailersReceived):
        stream.trailers = [(k, v) for k, v in event.headers]
    elif isinstance(event, h2.events.DataReceived):
        stream.data += event.data
    elif isinstance(event, h2.events.StreamEnded):
        stream.ended = True
    elif isinstance(event, h2.events.StreamReset):
        stream.reset = event.error_code


def _config(client):
    return h2.config.H2Configuration(client_side=client,
                                     header_encoding='utf-8')


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), 20 * SLOW)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(_config(True))
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(1 << 30)
        self.streams = {}
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def open(self, path, headers=(), method='POST', host='app.local',
             end=False):
        number = self.h2.get_next_available_stream_id()
        self.h2.send_headers(number, [
            (':method', method), (':scheme', 'http'), (':authority', host),
            (':path', path)] + list(headers), end_stream=end)
        self.streams[number] = Stream()
        self.flush()
        return number

    def send(self, number, data, end=False):
        while True:
            room = min(16384, self.h2.local_flow_control_window(number))
            if len(data) <= room:
                break
            if room == 0:
                self.events()
                continue
            self.h2.send_data(number, data[:room])
            data = data[room:]
            self.flush()
        self.h2.send_data(number, data, end_stream=end)
        self.flush()

    def events(self):
        data = self.socket.recv(65536)
        if not data:
            raise OSError('HTTP/2 connection closed')
        for event in self.h2.receive_data(data):
            stream = self.streams.get(getattr(event, 'stream_id', None))
            if stream:
                _note(stream, event)
            if isinstance(event, h2.events.DataReceived) \
                    and event.flow_controlled_length:
                self.h2.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id)
        self.flush()

    def until(self, number, what=None):
        """The stream, once it ended or what(stream) is true."""
        stream = self.streams[number]
        while not stream.ended and stream.reset is None \
                and not (what and what(stream)):
            self.events()
        return stream

    def call(self, path, data=b'', headers=(), host='app.local'):
        """A unary gRPC call."""
        number = self.open(path, [('content-type', 'application/grpc'),
                                  ('te', 'trailers')] + list(headers),
                           host=host)
        self.send(number, message(data), end=True)
        return self.until(number)

    def close(self):
        self.socket.close()


class Server:
    """answer(call) is run for each stream when its headers are there; the call
    can receive(), respond(), send() and end()."""

    def __init__(self, answer, host='127.0.0.1', port=0):
        self.answer = answer
        self.connections = 0
        self.calls = []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        at_end(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=_Connection(self, s).run,
                             daemon=True).start()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class _Connection:
    def __init__(self, server, s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server, self.socket = server, s
        self.h2 = h2.connection.H2Connection(_config(False))
        self.lock = threading.Condition()
        self.calls = {}

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def run(self):
        try:
            with self.lock:
                self.h2.initiate_connection()
                self.flush()
            while True:
                data = self.socket.recv(65536)
                if not data:
                    return
                with self.lock:
                    for event in self.h2.receive_data(data):
                        self.handle(event)
                    self.flush()
                    self.lock.notify_all()
        except OSError:
            pass
        finally:
            with self.lock:
                for call in self.calls.values():
                    call.reset = call.reset or 'closed'
                self.lock.notify_all()
            self.socket.close()

    def handle(self, event):
        number = getattr(event, 'stream_id', None)
        if isinstance(event, h2.events.RequestReceived):
            call = Call(self, number)
            self.calls[number] = call
            self.server.calls.append(call)
            threading.Thread(target=self.serve, args=(call,),
                             daemon=True).start()
        if number in self.calls:
            _note(self.calls[number], event)
        if isinstance(event, h2.events.DataReceived) \
                and event.flow_controlled_length:
            self.h2.acknowledge_received_data(event.flow_controlled_length,
                                              number)

    def serve(self, call):
        try:
            with self.lock:
                self.lock.wait_for(lambda: call.headers)
            self.server.answer(call)
        except OSError:
            pass


class Call(Stream):
    def __init__(self, connection, number):
        super().__init__()
        self.connection, self.number = connection, number

    @property
    def path(self):
        return self.header(':path')

    def receive(self, what=None):
        """Until what() is true, by default the end of the request."""
        with self.connection.lock:
            self.connection.lock.wait_for(
                lambda: self.ended or self.reset or (what and what()),
                20 * SLOW)
        return self.data

    def respond(self, headers, end=False):
        with self.connection.lock:
            self.connection.h2.send_headers(self.number, headers,
                                            end_stream=end)
            self.connection.flush()

    def send(self, data, end=False):
        c = self.connection
        with c.lock:
            while True:
                room = min(16384, c.h2.local_flow_control_window(self.number))
                if len(data) <= room:
                    break
                if room:
                    c.h2.send_data(self.number, data[:room])
                    data = data[room:]
                    c.flush()
                elif self.reset or not c.lock.wait(20 * SLOW):
                    return
            c.h2.send_data(self.number, data, end_stream=end)
            c.flush()

    end = respond


def grpc_answer(call):
    """A service for tests: echoes the message; the method says how it ends."""
    data = call.receive()
    headers = [(':status', '200'), ('content-type', 'application/grpc')]
    if call.path.endswith('/Fail'):
        call.respond(headers + [('grpc-status', '13'),
                                ('grpc-message', 'failed')], end=True)
        return
    call.respond(headers + [('x-initial', 'i')])
    call.send(data)
    call.respond([('grpc-status', '0'), ('x-trailing', 't')], end=True)
