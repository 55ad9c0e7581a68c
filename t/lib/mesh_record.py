"""An HTTP proxy in front of a control plane, which keeps what is sent through
it, so that answers can be looked at as they are on the wire whatever client
asked for them.  It passes everything on unchanged, Host too: signatures stay
good.

    rec = Recorder(cp)
    ... a client with rec.url ...
    rec.exchanges                   # of Exchange, in the order of answers
    rec.fail(503, 'ServiceUnavailableException', times=2)
"""

import http.client
import http.server
import json
import socketserver
import threading

from mesh_test import SLOW, at_end

HOP = {'connection', 'keep-alive', 'transfer-encoding', 'content-length'}


class Exchange:
    def __init__(self, method, target, headers, data, status, fields, answer):
        self.method, self.target = method, target
        self.headers, self.data = headers, data
        self.status, self.fields = status, fields
        self.answer = answer
        self.made_up = False

    def field(self, name):
        values = [v for k, v in self.fields if k.lower() == name.lower()]
        return values[0] if values else None

    @property
    def error(self):
        return self.field('x-amzn-ErrorType')

    @property
    def body(self):
        return json.loads(self.answer)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def exchange(self):
        data = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        self.server.recorder.handle(self, data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = exchange

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass                            # the client went away


class Recorder:
    def __init__(self, cp):
        self.cp = cp
        self.exchanges = []
        self.failures = []
        self.lock = threading.Lock()
        self.server = Server(('127.0.0.1', 0), Handler)
        self.server.recorder = self
        self.url = 'http://127.0.0.1:%d' % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        at_end(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def fail(self, status, name, times=1):
        """The next requests are answered here."""
        with self.lock:
            self.failures += [(status, name)] * times

    def handle(self, request, data):
        with self.lock:
            failure = self.failures.pop(0) if self.failures else None
        headers = list(request.headers.items())

        if failure:
            status, name = failure
            answer = json.dumps({'message': 'made up'}).encode()
            fields = [('Content-Type', 'application/json'),
                      ('x-amzn-ErrorType', name)]
        else:
            status, fields, answer = self.forward(request, headers, data)

        e = Exchange(request.command, request.path, headers, data, status,
                     fields, answer)
        e.made_up = bool(failure)
        with self.lock:
            self.exchanges.append(e)

        request.send_response_only(status)
        for k, v in fields:
            if k.lower() not in HOP:
                request.send_header(k, v)
        request.send_header('Content-Length', str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def forward(self, request, headers, data):
        c = http.client.HTTPConnection(self.cp.host, self.cp.port,
                                       timeout=60 * SLOW)
        c.putrequest(request.command, request.path, skip_host=True,
                     skip_accept_encoding=True)
        for k, v in headers:
            if k.lower() != 'connection':
                c.putheader(k, v)
        c.endheaders(data or None)
        r = c.getresponse()
        answer = r.read()
        c.close()
        return r.status, r.getheaders(), answer
