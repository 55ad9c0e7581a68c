"""A control plane for the end-to-end tests: an nginx with a location that has
mesh_control_plane, over a store in its own directory, and a client of it.

    cp = ControlPlane(workers=2).start()
    status, headers, body = cp.call('PUT', '/v20190125/meshes',
                                    {'meshName': 'm'})
"""

import http.client
import json
import os
import threading
import urllib.parse

from mesh_test import MODULES, SLOW, Nginx, free_port, listen_http2

CONTROL_MODULE = os.environ.get('MESH_CONTROL_MODULE', '')

API = '/v20190125'


class Headers(dict):
    """Response headers, by name in any case; the last one of a name."""

    def __init__(self, fields):
        super().__init__((k.lower(), v) for k, v in fields)

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Answer(tuple):
    """(status, headers, body), and by name; the body is parsed if it is JSON,
    bytes otherwise, None if it is empty."""

    def __new__(cls, status, fields, data):
        headers = Headers(fields)
        body = data or None
        if data and headers.get('Content-Type') == 'application/json':
            body = json.loads(data)
        self = super().__new__(cls, (status, headers, body))
        self.data = data
        return self

    status = property(lambda self: self[0])
    headers = property(lambda self: self[1])
    body = property(lambda self: self[2])

    @property
    def error(self):
        """The name of the error, None without one."""
        return self.headers.get('x-amzn-ErrorType')

    @property
    def message(self):
        return self.body.get('message') if isinstance(self.body, dict) \
            else None


def uri(*segments, **query):
    """uri('meshes', 'a/b', limit=3): '/v20190125/meshes/a%2Fb?limit=3'"""
    path = API + ''.join('/' + urllib.parse.quote(s, safe='')
                         for s in segments)
    if query:
        path += '?' + urllib.parse.urlencode(query,
                                             quote_via=urllib.parse.quote)
    return path


class ControlPlane(Nginx):
    """One nginx that is a control plane, at 127.0.0.1:.port (.url), and at
    .port2 for HTTP/2 without TLS if "http2".

    "location", "server" and "more_http" are text for these blocks; "keys" the
    text of a keys file, which switches authentication on.  "store" is the
    argument of mesh_store, None for none; .database is the default's file.
    """

    def __init__(self, store='', keys=None, location='', server='',
                 more_http='', workers=2, http2=False, host='127.0.0.1',
                 more_main='', port=None, **kw):
        super().__init__(workers=workers, **kw)
        self.host = host
        self.port = port or free_port()
        self.port2 = free_port() if http2 else None
        self.url = 'http://%s:%d' % (host, self.port)
        self.database = self.path('data/mesh.db')
        self.store = 'sqlite:' + self.database if store == '' else store
        self.keys = keys
        self.location, self.server = location, server
        self.more_http, self.more_main = more_http, more_main
        self.local = threading.local()
        self.starts = 0
        if CONTROL_MODULE and kw.get('modules', True):
            self.modules = MODULES + [CONTROL_MODULE]
        os.makedirs(self.path('data'), exist_ok=True)
        os.chmod(self.path('data'), 0o777)

    def write(self):
        auth = 'mesh_auth off;'
        if self.keys is not None:
            auth = 'mesh_keys %s;' % self.path('keys')
            with open(self.path('keys.new'), 'w') as f:
                f.write(self.keys)
            os.chmod(self.path('keys.new'), 0o644)
            os.rename(self.path('keys.new'), self.path('keys'))
        self.main = self.more_main
        self.http = '''
%s
%s
server {
    listen %s:%d backlog=4096;
    keepalive_requests 1000000;
    %s
    location / {
        mesh_control_plane;
        %s
        %s
    }
}
''' % ('mesh_store %s;' % self.store if self.store else '', self.more_http,
            self.host, self.port, self.server, auth, self.location)
        if self.port2:
            self.http += '''
server {
    %s
    %s
    location / {
        mesh_control_plane;
        %s
        %s
    }
}
''' % (listen_http2('127.0.0.1:%d' % self.port2), self.server, auth,
                self.location)
        super().write()

    def start(self):
        self.starts += 1
        return super().start()

    def connection(self, timeout=30):
        return http.client.HTTPConnection(self.host, self.port,
                                          timeout=timeout * SLOW)

    def call(self, method, path, body=None, headers=None, connection=None):
        """One request, over a connection that each thread keeps, or over one
        of the caller's.  "body" is bytes, text, or what JSON can say.

        An answer that does not come raises what http.client raises, and the
        next call has a new connection.
        """
        fields = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            fields.setdefault('Content-Type', 'application/json')

        c = connection or self.kept()
        try:
            c.request(method, path, body=body, headers=fields)
            r = c.getresponse()
            answer = Answer(r.status, r.getheaders(), r.read())
        except (OSError, http.client.HTTPException):
            c.close()
            if c is not connection:
                self.local.connection = None
            raise
        if r.getheader('Connection') == 'close' and c is not connection:
            c.close()
            self.local.connection = None
        return answer

    def kept(self):
        """This thread's connection to the nginx that was started last."""
        c = getattr(self.local, 'connection', None)
        if c is None or self.local.starts != self.starts:
            if c:
                c.close()
            c = self.connection()
            self.local.connection, self.local.starts = c, self.starts
        return c

    def get(self, path, **kw):
        return self.call('GET', path, **kw)

    def put(self, path, body=None, **kw):
        return self.call('PUT', path, body, **kw)

    def delete(self, path, **kw):
        return self.call('DELETE', path, **kw)

    def create(self, *segments, **body):
        """PUT on a collection: create('meshes', 'm', 'virtualNodes',
        virtualNodeName='n', spec={...})"""
        return self.put(uri(*segments), body)

    def stop(self, *args, **kw):
        self.starts += 1                # connections are of the old one
        return super().stop(*args, **kw)

    def kill(self):
        self.starts += 1
        super().kill()

    def reload(self):
        self.starts += 1
        return super().reload()
