"""A control plane that does as it is told, for the tests of the proxy's client.

    fake = FakeControl()
    fake.put(document(1, {'a': [port]}))        # served with an ETag, long poll
    fake.script(lambda c, r: c.send(reply('gone', '500 Oops')))

Each request is kept in .requests.  A script gets the connection and the request
and answers it with whatever bytes, or none; the next requests are served as
before, unless .always is set.
"""

import json
import socket
import ssl
import subprocess
import threading
import time

from mesh_test import SLOW, at_end, read_request, reply, wait


class Connection:
    def __init__(self, fake, s):
        self.fake = fake
        self.socket = s
        self.file = s.makefile('rb')

    def send(self, data):
        self.socket.sendall(data)

    def drip(self, data, pause=0.02, n=1):
        for i in range(0, len(data), n):
            self.send(data[i:i + n])
            time.sleep(pause)

    def close(self):
        """At once, as a process that dies."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def gone(self):
        """Whether the other side closed the connection."""
        try:
            self.socket.settimeout(0.01)
            return self.socket.recv(1) == b''
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(None)


class FakeControl:
    def __init__(self, port=0, host='127.0.0.1', context=None, waits=True,
                 etags=True, store=None, start=True):
        self.host = host
        self.port = port
        self.context = context
        self.waits = waits              # honours Prefer: wait
        self.etags = etags
        self.store = store              # of Mesh-Revision, None: no header
        self.revision = 0
        self.requests = []
        self.times = []
        self.connections = 0
        self.failed = 0                 # TLS handshakes
        self.always = None
        self.scripts = []
        self.body = None
        self.etag = None
        self.changed = threading.Condition()
        self.open = set()
        self.socket = None
        if start:
            self.start()
        at_end(self.stop)

    def url(self, scheme='http'):
        return '%s://%s:%d' % (scheme, self.host, self.port)

    def start(self):
        s = socket.socket(socket.AF_INET6 if ':' in self.host
                          else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((self.host, self.port))
        s.listen(128)
        self.port = s.getsockname()[1]
        self.socket = s
        threading.Thread(target=self.accept, args=(s,), daemon=True).start()
        return self

    def stop(self):
        """As kill -9 of a server: nothing listens, connections are reset."""
        s, self.socket = self.socket, None
        if s:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.close_connections()

    def close_connections(self):
        with self.changed:
            for c in self.open:
                c.close()
            self.changed.notify_all()

    def put(self, document, etag=None, revision=None):
        if isinstance(document, dict):
            version = document.get('version', '')
            document = json.dumps(document).encode()
        else:
            version = 'raw-%d' % len(document)
        with self.changed:
            self.revision = revision if revision is not None \
                else self.revision + 1
            self.body = document
            self.etag = etag or '"%s"' % version
            self.changed.notify_all()

    def script(self, *scripts):
        with self.changed:
            self.scripts += scripts
            self.changed.notify_all()

    def accept(self, s):
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,),
                             daemon=True).start()

    def serve(self, s):
        self.connections += 1
        c = None
        try:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                s = self.context.wrap_socket(s, server_side=True)
            c = Connection(self, s)
            with self.changed:
                self.open.add(c)
            while True:
                r = read_request(c.file)
                if r is None:
                    return
                r.connection = self.connections
                r.certificate = s.getpeercert() if self.context else None
                with self.changed:
                    self.requests.append(r)
                    self.times.append(time.monotonic())
                    self.changed.notify_all()
                if self.answer(c, r) is False:
                    return
        except (OSError, ValueError):
            if c is None:
                self.failed += 1
        finally:
            with self.changed:
                self.open.discard(c)
            if c:
                c.file.close()
            s.close()

    def answer(self, c, r):
        with self.changed:
            script = self.scripts.pop(0) if self.scripts else self.always
        if script:
            return script(c, r)
        return self.watch(c, r)

    def watch(self, c, r):
        """As a control plane does it."""
        known = r.header('If-None-Match')
        prefer = r.header('Prefer') or ''
        seconds = 0
        if self.waits and known and prefer.startswith('wait='):
            seconds = int(prefer[5:])
        end = time.monotonic() + seconds
        with self.changed:
            while self.body is not None and self.etags and known == self.etag \
                    and self.socket and not self.scripts:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self.changed.wait(min(left, 0.2))
            if self.scripts:
                script = self.scripts.pop(0)
            else:
                script = None
                answer = self.compose(known)
        if script:
            return script(c, r)
        c.send(answer)
        return True

    def compose(self, known=None):
        if self.body is None:
            return reply('{"message":"no such virtual node"}', '404 Not Found')
        headers = []
        if self.etags:
            headers.append(('ETag', self.etag))
        if self.store:
            headers.append(('Mesh-Revision',
                            '%s:%d' % (self.store, self.revision)))
        if self.etags and known == self.etag:
            head = 'HTTP/1.1 304 Not Modified\r\n'
            return (head + ''.join('%s: %s\r\n' % h for h in headers)
                    + '\r\n').encode()
        return reply(self.body, headers=headers)

    def count(self):
        with self.changed:
            return len(self.requests)

    def more(self, n=1, timeout=10):
        """Until n more requests came; the last of them."""
        want = self.count() + n
        return self.upto(want, timeout)

    def upto(self, n, timeout=10):
        if wait(lambda: self.count() >= n, timeout):
            return self.requests[n - 1]
        return None

    def told(self, name, value, timeout=10):
        """Until a request has that header."""
        return wait(lambda: next((r for r in self.requests
                                  if r.header(name) == value), None), timeout)


class Authority:
    """Certificates, in a directory."""

    def __init__(self, path):
        self.path = path
        self.key(path + '/ca')
        self.openssl('req', '-x509', '-key', path + '/ca.key', '-subj',
                     '/CN=mesh test', '-days', '2', '-out', path + '/ca.crt',
                     '-addext', 'basicConstraints=critical,CA:TRUE')
        self.ca = path + '/ca.crt'

    def openssl(self, *args):
        subprocess.run(('openssl',) + args, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def key(self, name):
        self.openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout',
                     '-out', name + '.key')

    def issue(self, name, san, expired=False):
        """A certificate and its key, by their paths."""
        base = '%s/%s' % (self.path, name)
        self.key(base)
        self.openssl('req', '-new', '-key', base + '.key', '-subj',
                     '/CN=' + name, '-out', base + '.csr')
        with open(base + '.ext', 'w') as f:
            f.write('subjectAltName=%s\n' % san)

        def sign(*dates):
            self.openssl('x509', '-req', '-in', base + '.csr', '-CA', self.ca,
                         '-CAkey', self.path + '/ca.key', '-CAcreateserial',
                         '-extfile', base + '.ext', '-out', base + '.crt',
                         *dates)

        if not expired:
            sign('-days', '2')
        else:
            # OpenSSL 3.4 takes dates, and no negative days any more
            try:
                sign('-days', '-1')
            except subprocess.CalledProcessError:
                sign('-not_before', '20200101000000Z',
                     '-not_after', '20200102000000Z')
        return base + '.crt', base + '.key'

    def context(self, name, san, clients=False, expired=False):
        crt, key = self.issue(name, san, expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context


def settled(value, seconds=0.3):
    """The value after it has had time to change."""
    time.sleep(seconds * SLOW)
    return value()
