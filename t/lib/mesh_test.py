"""What the end-to-end tests in Python share: TAP, nginx, documents, a client
and a backend.

Paths and limits come from the environment that util/test sets; everything that
a test starts or writes is gone when its process ends.
"""

import atexit
import grp
import http.client
import itertools
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

NGINX = os.environ.get('MESH_NGINX', 'nginx')
MODULES = os.environ.get('TEST_NGINX_LOAD_MODULES', '').split()
SHARED = os.environ.get('MESH_SHARED', '')
LONG = bool(os.environ.get('MESH_LONG'))
SANITIZE = bool(os.environ.get('MESH_SANITIZE'))

# how much longer things take under the sanitizers
SLOW = 4 if SANITIZE else 1


# TAP

class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0
        self.watched = []
        self.lock = threading.Lock()

    def ok(self, good, name, *why):
        with self.lock:
            self.n += 1
            print('%sok %d - %s' % ('' if good else 'not ', self.n, name),
                  flush=True)

        if not good:
            self.failed += 1
            for line in why:
                self.say(line)

        return bool(good)

    def same(self, got, want, name):
        return self.ok(got == want, name, 'got:  %.2000r' % (got,),
                       'want: %.2000r' % (want,))

    def say(self, text):
        for line in str(text).splitlines():
            print('# ' + line, flush=True)

    def skip(self, name, why):
        with self.lock:
            self.n += 1
            print('ok %d - %s # SKIP %s' % (self.n, name, why), flush=True)

    def skip_all(self, why):
        print('1..0 # SKIP ' + why)
        sys.exit(0)

    def run(self, *parts):
        """Runs the parts, which are functions; a part that raises fails."""
        only = sys.argv[1:]

        for part in parts:
            if only and part.__name__ not in only:
                continue
            try:
                part()
            except Exception:           # the other parts are still worth it
                self.ok(False, '%s came to its end' % part.__name__,
                        traceback.format_exc())
                for nginx in Nginx.running:
                    self.say(nginx.errors(12))
            cleanup()

        print('1..%d' % self.n, flush=True)
        sys.exit(1 if self.failed else 0)


tap = Tap()


def wait(what, timeout=10, pause=0.005):
    """Until what() is true, which is returned; false after "timeout" s."""
    end = time.monotonic() + timeout * SLOW

    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)


# what has to go

_cleanups = []


def at_end(call):
    _cleanups.append(call)


def cleanup():
    while _cleanups:
        try:
            _cleanups.pop()()
        except OSError:
            pass


atexit.register(cleanup)
signal.signal(signal.SIGTERM, lambda *args: sys.exit(1))


def directory():
    """A new one, which every user may enter."""
    path = tempfile.mkdtemp(prefix='mesh-e2e.')
    os.chmod(path, 0o755)
    at_end(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


# Not of those that the system gives to clients, and to sockets that ask for
# any port: what is free now could be theirs when it is needed.
_PORTS = range(20000, 32768)
_ports = itertools.cycle(_PORTS)

for _ in range(os.getpid() * 101 % len(_PORTS)):
    next(_ports)


def free_port(host='127.0.0.1'):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET

    for port in _ports:
        with socket.socket(family) as s:
            try:
                s.bind((host, port))
            except OSError:
                continue            # somebody else's
        return port


def receive_buffer(s, size=1 << 24):
    """Room for datagrams while the test has to wait for its turn; more than
    the system's limit (net.core.rmem_max) if that is allowed."""
    try:
        s.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except OSError:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


_SO_RCVBUFFORCE = 33        # of Linux, in no module of Python


# processes

def stat(pid):
    try:
        with open('/proc/%d/stat' % pid) as f:
            fields = f.read().rsplit(')', 1)[1].split()
    except OSError:
        return None
    return {'state': fields[0], 'parent': int(fields[1])}


def alive(pid):
    st = stat(pid)
    return st is not None and st['state'] != 'Z'


def children(parent):
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            st = stat(int(name))
            if st and st['parent'] == parent and st['state'] != 'Z':
                found.append(int(name))
    return sorted(found)


def rss(pid):
    """Private and file memory in KiB, without what is shared."""
    with open('/proc/%d/status' % pid) as f:
        fields = dict(line.split(':', 1) for line in f)
    return sum(int(fields[name].split()[0]) for name in ('RssAnon', 'RssFile'))


def descriptors(pid):
    found = []
    for fd in os.listdir('/proc/%d/fd' % pid):
        try:
            found.append(os.readlink('/proc/%d/fd/%s' % (pid, fd)))
        except OSError:
            pass
    return sorted(re.sub(r'\d+', 'N', name) if ':[' in name else name
                  for name in found)


# nginx

def version():
    text = subprocess.run([NGINX, '-v'], stderr=subprocess.PIPE,
                          check=True).stderr.decode()
    return tuple(int(n) for n in
                 re.search(r'/(\d+)\.(\d+)\.(\d+)', text).groups())


def listen_http2(address):
    if version() >= (1, 25, 1):
        return 'listen %s; http2 on;' % address
    return 'listen %s http2;' % address


class Daemon:
    """As much of Popen as is needed, for a process that is no child."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        if not alive(self.pid):
            self.returncode = 0
        return self.returncode

    def wait(self):
        wait(lambda: self.poll() is not None)


class Nginx:
    """One nginx in a directory of its own.

    "main" stands before events{}, "http" in http{}; None leaves http{} out.
    """

    running = []

    def __init__(self, http='', main='', workers=1, user=None, modules=True,
                 master=True, level='info', path=None, daemon=False):
        self.dir = path or directory()
        self.http = http
        self.main = main
        self.workers = workers
        self.user = user or ('root' if os.geteuid() == 0 else None)
        self.modules = MODULES if modules else []
        self.master = master
        self.level = level
        self.daemon = daemon
        self.process = None
        self.pid = None
        self.stdout = None              # a descriptor, or that of the test
        os.makedirs(self.dir + '/logs', exist_ok=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self):
        lines = ['load_module %s;' % m for m in self.modules]
        if self.user and os.geteuid() == 0:
            group = grp.getgrgid(pwd.getpwnam(self.user).pw_gid).gr_name
            lines.append('user %s %s;' % (self.user, group))
        lines += ['worker_processes %d;' % self.workers,
                  'daemon %s;' % ('on' if self.daemon else 'off'),
                  'master_process %s;' % ('on' if self.master else 'off'),
                  'pid nginx.pid;',
                  'error_log logs/error.log %s;' % self.level,
                  self.main,
                  'events { worker_connections 2048; }']
        if SANITIZE:                    # for the new binary of an upgrade
            lines[-1:-1] = ['env %s;' % x for x in os.environ
                            if x.endswith('SAN_OPTIONS')]
        if self.http is not None:
            temp = ' '.join('%s_temp_path temp/%s;' % (name, name) for name in
                            ('proxy', 'fastcgi', 'uwsgi', 'scgi'))
            lines += ['http {', 'access_log off;',
                      'client_body_temp_path temp/body;', temp,
                      self.http, '}']
        os.makedirs(self.path('temp'), exist_ok=True)
        with open(self.path('nginx.conf'), 'w') as f:
            f.write('\n'.join(lines) + '\n')

    def command(self, *more):
        return [NGINX, '-p', self.dir + '/', '-c', 'nginx.conf',
                '-e', 'logs/error.log'] + list(more)

    def test(self):
        """nginx -t: its status and what it says"""
        self.write()
        done = subprocess.run(self.command('-t'), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode(errors='replace')

    def start(self):
        self.write()
        with open(self.path('stderr'), 'ab') as err:
            self.process = subprocess.Popen(self.command(), stderr=err,
                                            stdout=self.stdout)
        if self.daemon:
            # the one that stays writes its pid after the other one ended
            self.process.wait()
            name = self.path('nginx.pid')
            if not wait(lambda: os.path.exists(name)
                        and os.path.getsize(name)):
                raise RuntimeError('nginx did not start: ' + self.errors(20))
            with open(name) as f:
                self.process = Daemon(int(f.read()))
        Nginx.running.append(self)
        at_end(self.kill)
        if not wait(self.is_up):
            raise RuntimeError('nginx did not start: ' + self.errors(20))
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError('nginx ended: ' + self.errors(20))
        try:
            with open(self.path('nginx.pid')) as f:
                self.pid = int(f.read() or 0)
        except OSError:
            return False
        if not self.master:
            return self.pid != 0
        return len(self.worker_pids()) >= self.workers

    def worker_pids(self, master=None):
        """Of workers that take requests, by process title."""
        found = []
        for pid in children(master or self.pid):
            try:
                with open('/proc/%d/cmdline' % pid, 'rb') as f:
                    title = f.read()
            except OSError:
                continue
            if title.startswith(b'nginx: worker process') \
                    and b'shutting down' not in title:
                found.append(pid)
        return found

    def send(self, sig, pid=None):
        pid = pid or self.pid
        if pid <= 1:                    # a group, or everybody
            raise ValueError('no process: %r' % pid)
        os.kill(pid, sig)

    def reload(self):
        """HUP, until the workers are others."""
        old = set(self.worker_pids())
        self.write()
        self.send(signal.SIGHUP)
        return wait(lambda: len(self.worker_pids()) >= self.workers
                    and not old & set(self.worker_pids()))

    def stop(self, sig=signal.SIGQUIT, timeout=10):
        """Whether it ended well and in time."""
        if self.process.poll() is None:
            self.send(sig)
        good = wait(lambda: self.process.poll() is not None, timeout)
        if self in Nginx.running:
            Nginx.running.remove(self)
        return bool(good) and self.process.returncode == 0

    def kill(self):
        if self in Nginx.running:
            Nginx.running.remove(self)
        if not self.process or self.process.poll() is not None:
            return
        # the master first, or it starts others; their ports are free then
        pids = [self.process.pid] + children(self.process.pid)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass                    # it ended by itself
        self.process.wait()
        wait(lambda: not any(alive(pid) for pid in pids))

    def log(self):
        text = ''
        for name in ('logs/error.log', 'stderr'):
            try:
                with open(self.path(name), errors='replace') as f:
                    text += f.read()
            except OSError:
                pass
        return text

    def logged(self, pattern, timeout=10):
        """The lines that match, once there is one."""
        return wait(lambda: self.lines(pattern), timeout, 0.02)

    def lines(self, pattern):
        return [line for line in self.log().splitlines()
                if re.search(pattern, line)]

    def errors(self, n):
        return '\n'.join(self.log().splitlines()[-n:])

    def bad(self):
        """Lines that no run should leave."""
        return self.lines(r'\[(alert|emerg|crit)\]|ERROR: .*Sanitizer'
                          r'|runtime error:|exited on signal')


class Sidecar(Nginx):
    """An nginx with a mesh: egress at .egress, admin pages at .admin."""

    def __init__(self, document=None, mesh='', http='', egress='', location='',
                 interval='10ms', control_plane=None, resource='', **kw):
        self.egress = free_port()
        self.admin = free_port()
        super().__init__(**kw)
        self.file = self.path('mesh.json')
        self.mesh = mesh
        self.resource = resource
        self.interval = interval
        self.more_http = http
        self.more_egress = egress
        self.location = location
        self.more_main = self.main
        self.source = control_plane
        if document is not None:
            self.put(document)

    def write(self):
        source = self.source or 'file:%s interval=%s' % (self.file,
                                                         self.interval)
        self.main = '%s\nmesh m { %s %s %s }' % (
            self.more_main,
            'resource %s;' % self.resource if self.resource else '',
            'control_plane %s;' % source if source != 'none' else '',
            self.mesh)
        self.http = '''
include %s/conf/mesh_params;
%s
server {
    listen 127.0.0.1:%d;
    %s
    location / {
        mesh_pass egress;
        %s
    }
}
server {
    listen 127.0.0.1:%d;
    location / { mesh_admin; }
}
''' % (ROOT, self.more_http, self.egress, self.more_egress, self.location,
            self.admin)
        super().write()

    def put(self, document):
        """Replaces the document as one should."""
        text = document if isinstance(document, (str, bytes)) \
            else json.dumps(document)
        if isinstance(text, str):
            text = text.encode()
        with open(self.file + '.new', 'wb') as f:
            f.write(text)
        os.rename(self.file + '.new', self.file)

    def get(self, path='/', host='app.local', **kw):
        return request(self.egress, path, host=host, **kw)

    def page(self, path):
        return request(self.admin, path)

    def info(self):
        return json.loads(self.page('/server_info').body)

    def version(self):
        return self.info()['config'].get('version')

    def at(self, version, timeout=10):
        """Until a version is in force."""
        return wait(lambda: self.version() == version, timeout)

    def clusters(self):
        """{(cluster, endpoint): {name: value}}; endpoint "" for the cluster"""
        found = {}
        for line in self.page('/clusters').text.splitlines():
            parts = line.split('::')
            if parts[1].startswith('['):        # an IPv6 address has "::"
                parts[1:] = re.match(r'(\[.*\]:\d+)::(.*)::(.*)$',
                                     line.split('::', 1)[1]).groups()
            if len(parts) == 3:
                parts.insert(1, '')
            cluster, endpoint, name, value = parts
            found.setdefault((cluster, endpoint), {})[name] = value
        return found

    def infos(self, n=16):
        """What several connections at once are told: the kernel gives one
        after the other to the same worker as long as that is idle."""
        told = []
        clients = [connect(self.admin) for _ in range(n)]
        for s in clients:
            s.sendall(b'GET /server_info HTTP/1.0\r\n\r\n')
        for s in clients:
            told.append(json.loads(read_all(s).partition(b'\r\n\r\n')[2]))
            s.close()
        return told

    def in_flight(self):
        return sum(int(c.get('rq_active', 0))
                   for c in self.clusters().values())


# the client

class Response:
    def __init__(self, r):
        self.status = r.status
        self.headers = r.getheaders()
        self.body = r.read()

    def header(self, name):
        values = [v for k, v in self.headers if k.lower() == name.lower()]
        return ', '.join(values) if values else None

    @property
    def text(self):
        return self.body.decode(errors='replace')


def request(port, path='/', method='GET', host=None, headers=None, body=None,
            timeout=20, connection=None):
    c = connection or http.client.HTTPConnection('127.0.0.1', port,
                                                 timeout=timeout * SLOW)
    fields = dict(headers or {})
    if host:
        fields['Host'] = host
    c.request(method, path, body=body, headers=fields)
    r = Response(c.getresponse())
    if not connection:
        c.close()
    return r


def connect(port, timeout=20, host='127.0.0.1'):
    s = socket.create_connection((host, port), timeout * SLOW)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    data = b''
    while True:
        try:
            part = s.recv(65536)
        except ConnectionResetError:
            return data
        if not part:
            return data
        data += part


def exchange(port, data):
    """What comes back for these bytes until the other side closes."""
    with connect(port) as s:
        s.sendall(data)
        return read_all(s)


class Load:
    """Clients with keep-alive connections, each a thread, until stop()."""

    def __init__(self, port, clients=4, host='app.local', path='/',
                 pause=0.0):
        self.port, self.host, self.path = port, host, path
        self.pause = pause
        self.done = 0
        self.answers = {}
        self.failures = []
        self.connections = 0
        self.resets = 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.client, daemon=True)
                        for _ in range(clients)]
        for t in self.threads:
            t.start()

    def client(self):
        c = None
        used = 0

        while not self.stopping.is_set():
            if c is None:
                c = http.client.HTTPConnection('127.0.0.1', self.port,
                                               timeout=20 * SLOW)
                used = 0
                with self.lock:
                    self.connections += 1
            try:
                r = request(self.port, self.path, host=self.host, connection=c)
            except (OSError, http.client.HTTPException) as e:
                c.close()
                c = None
                # HTTP/1.1 lets a server close an idle connection whenever it
                # likes, and every client tries such a request again
                gone = (http.client.RemoteDisconnected, ConnectionResetError,
                        BrokenPipeError)
                if used and isinstance(e, gone):
                    self.resets += 1
                else:
                    self.fail(repr(e))
                continue
            used += 1
            with self.lock:
                self.done += 1
                self.answers[r.text] = self.answers.get(r.text, 0) + 1
            if r.status != 200:
                self.fail('%d %s' % (r.status, r.text))
            if r.header('Connection') == 'close':
                c.close()
                c = None
            if self.pause:
                time.sleep(self.pause)

        if c:
            c.close()

    def fail(self, what):
        with self.lock:
            self.failures.append('%.3f %s' % (time.time(), what))

    def more(self, n, timeout=20):
        """Until n more requests were answered."""
        want = self.done + n
        return wait(lambda: self.done >= want, timeout)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(30 * SLOW)
        return self


# the backend

class Request:
    def __init__(self, line, headers, body):
        self.method, self.path = line.split(' ')[0:2]
        self.line = line
        self.headers = headers
        self.body = body
        self.connection = 0

    def header(self, name):
        for k, v in self.headers:
            if k.lower() == name.lower():
                return v
        return None


class Backend:
    """An HTTP/1.1 server that keeps connections and counts them.

    answer(request) gives bytes: the whole response; None closes the
    connection.  raw(socket, file, request) takes it over instead.
    """

    def __init__(self, name='a', answer=None, raw=None, host='127.0.0.1',
                 port=0):
        self.name = name
        self.answer = answer or (lambda r: reply(name))
        self.raw = raw
        self.requests = []
        self.connections = 0
        self.open = set()
        self.lock = threading.Lock()
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.socket.listen(512)
        self.host = host
        self.port = self.socket.getsockname()[1]
        at_end(self.close)
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                self.open.add(s)
            threading.Thread(target=self.serve, daemon=True,
                             args=(s, self.connections)).start()

    def serve(self, s, number):
        f = s.makefile('rb')
        try:
            while True:
                r = read_request(f, s if self.raw is None else None)
                if r is None:
                    return
                r.connection = number
                with self.lock:
                    self.requests.append(r)
                if self.raw:
                    if not self.raw(s, f, r):
                        return
                    continue
                data = self.answer(r)
                if data is None:
                    return
                s.sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(s)
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            f.close()
            s.close()

    def close_connections(self):
        with self.lock:
            for s in self.open:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass    # the other side was faster

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        # one that it has just taken is to be closed as well
        self.acceptor.join(10 * SLOW)
        self.close_connections()


def read_request(f, s=None):
    """The next one of a connection; a body only if there is "s"."""
    line = f.readline().decode('latin-1').rstrip('\r\n')
    if not line:
        return None
    headers = []
    while True:
        field = f.readline().decode('latin-1').rstrip('\r\n')
        if not field:
            break
        k, v = field.split(':', 1)
        headers.append((k, v.strip()))
    r = Request(line, headers, b'')
    if s is None:
        return r
    if (r.header('Expect') or '').lower() == '100-continue':
        s.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
    if r.header('Content-Length'):
        r.body = f.read(int(r.header('Content-Length')))
    elif (r.header('Transfer-Encoding') or '').lower() == 'chunked':
        r.body = read_chunks(f)
    return r


def read_chunks(f):
    body = b''
    while True:
        n = int(f.readline().split(b';')[0], 16)
        if n == 0:
            while f.readline().strip():
                pass
            return body
        body += f.read(n)
        f.readline()


def reply(body='', status='200 OK', headers=()):
    if isinstance(body, str):
        body = body.encode()
    head = 'HTTP/1.1 %s\r\nContent-Length: %d\r\n' % (status, len(body))
    head += ''.join('%s: %s\r\n' % h for h in headers)
    return head.encode() + b'\r\n' + body


# documents

def node(name, listeners=((8080, 'http'),), **more):
    spec = {'listeners': [{'portMapping': {'port': p, 'protocol': proto}}
                          for p, proto in listeners],
            'serviceDiscovery': {'dns': {'hostname': name + '.internal'}}}
    return dict({'virtualNodeName': name, 'spec': spec}, **more)


def endpoint(port, ip='127.0.0.1', **more):
    return dict({'ip': ip, 'port': port}, **more)


def document(ver, nodes, protocol='http', weights=None, routes=None, **more):
    """app.local, behind a router, whose one route splits over the nodes:
    {name: [port or endpoint, ...]}."""
    if routes is None:
        routes = [{'virtualRouterName': 'app', 'routeName': 'all', 'spec': {
            protocol + 'Route': {
                'match': {} if protocol == 'grpc' else {'prefix': '/'},
                'action': {'weightedTargets': [
                    {'virtualNode': n, 'weight': (weights or {}).get(n, 1)}
                    for n in nodes]}}}}]
    doc = {
        'meshDocument': 1, 'version': str(ver),
        'mesh': {'meshName': 'm', 'spec': {}},
        'virtualServices': [
            {'virtualServiceName': 'app.local', 'spec': {'provider': {
                'virtualRouter': {'virtualRouterName': 'app'}}}}],
        'virtualRouters': [
            {'virtualRouterName': 'app', 'spec': {'listeners': [
                {'portMapping': {'port': 8080, 'protocol': protocol}}]}}],
        'routes': routes,
        'virtualNodes': [node(n, [(8080, protocol)]) for n in nodes],
        'endpoints': {n: [e if isinstance(e, dict) else endpoint(e)
                          for e in eps] for n, eps in nodes.items()}}
    doc.update(more)
    return doc


def server(name, port, more=''):
    """Text of a server{} that answers with its name."""
    return '''
server {
    listen 127.0.0.1:%d;
    keepalive_requests 1000000;
    location / { return 200 "%s"; %s }
}
''' % (port, name, more)
