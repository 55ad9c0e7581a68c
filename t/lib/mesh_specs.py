"""Specs in which everything is said that the API model has: each member of
each structure, each alternative of a union, each value of an enum; and the
calls that create, change and delete resources with them.

What the model cannot tell, which members exclude each other and what has to
agree, stands here in make_ and fix_ methods, named after the shape.
"""

import random

SPECS = {'Mesh': 'MeshSpec', 'VirtualNode': 'VirtualNodeSpec',
         'VirtualRouter': 'VirtualRouterSpec', 'Route': 'RouteSpec',
         'VirtualService': 'VirtualServiceSpec',
         'VirtualGateway': 'VirtualGatewaySpec',
         'GatewayRoute': 'GatewayRouteSpec'}

PARENTS = {'Route': 'VirtualRouter', 'GatewayRoute': 'VirtualGateway'}

PORTS = {'http': 8001, 'http2': 8002, 'grpc': 8003, 'tcp': 8004}

SECOND = 100                # a router's other port is so much higher

# more specs of a kind than this are not needed to say everything
ENOUGH = 200

STRINGS = {
    'FilePath': '/etc/mesh/%d.pem',
    'SubjectAlternativeName': 'san-%d.example.com',
    'Arn': 'arn:aws:acm:us-west-2:111122223333:certificate/%d',
    'ServiceName': 'backend-%d.example.local',
    'Hostname': 'host-%d.example.local',
    'ExactHostName': 'www-%d.example.com',
    'SuffixHostname': '.%d.example.com',
    'String': '/path-%d/',
    'HttpPathExact': '/exact-%d',
    'HttpPathRegex': '/regex-%d/[a-z]+',
    'HttpGatewayRoutePrefix': '/to-%d/',
    'TextFormat': '%%START_TIME%% %%RESPONSE_CODE%% "%d" \u00e9\u4e16\n',
}

HTTP_EVENTS = ['server-error', 'gateway-error', 'client-error', 'stream-error']


def member(kind, what='Name'):
    """member('GatewayRoute'): 'gatewayRouteName'"""
    return kind[0].lower() + kind[1:] + what


class Maker:
    """Makes values of shapes; strings and numbers are counted up, and the
    choices are always the same ones."""

    def __init__(self, model):
        self.model = model
        self.random = random.Random(1)
        self.turns = {}
        self.protocol = None
        self.node = 'node-0'
        self.service = {}

    def turn(self, name):
        n = self.turns.get(name, 0)
        self.turns[name] = n + 1
        return n

    def make(self, name):
        special = getattr(self, 'make_' + name, None)
        if special:
            return special()
        value = self.plain(name)
        fix = getattr(self, 'fix_' + name, None)
        if fix:
            fix(value, self.turn('fix_' + name))
        return value

    def plain(self, name):
        shape = self.model.shapes[name]
        kind = shape['type']
        if kind == 'structure':
            return self.structure(name, shape)
        if kind == 'list':
            n = min(shape.get('max', 2), 2)
            return [self.make(shape['member']['shape']) for _ in range(n)]
        n = self.turn(name)
        if 'enum' in shape:
            return self.random.choice(shape['enum'])
        if kind == 'boolean':
            return n % 2 == 0
        if kind == 'string':
            return STRINGS.get(name, name + '-%d') % n
        low = shape.get('min', 0)
        return low + n % (shape.get('max', low + 1000) - low + 1)

    def structure(self, name, shape):
        members = list(shape['members'])
        if shape.get('union'):
            members = [self.random.choice(members)]
        return {m: self.make(shape['members'][m]['shape']) for m in members}

    # values

    def make_MatchRange(self):
        n = self.turn('MatchRange')
        return {'start': -n, 'end': n + 1}

    def make_HttpRetryPolicyEvent(self):
        return HTTP_EVENTS[self.turn('HttpRetryPolicyEvent') % 4]

    def make_DurationValue(self):
        return 1 + self.turn('DurationValue')

    def make_ResourceName(self):
        return self.node

    def make_PercentInt(self):
        return self.turn('PercentInt') % 50

    def make_ListenerPort(self):
        return PORTS[self.protocol]

    # listeners

    def listeners(self, name, protocols):
        found = []
        for protocol in protocols:
            self.protocol = protocol
            found.append(self.plain(name))
            self.agree(name, found[-1])
        return found

    def agree(self, name, listener):
        """The rest of a listener with its port and protocol."""
        port = PORTS[self.protocol]
        listener['portMapping'] = {'port': port, 'protocol': self.protocol}
        if 'healthCheck' in listener:
            listener['healthCheck']['port'] = port
        for what in ('connectionPool', 'timeout'):
            if what in listener:
                ref = self.model.shapes[name]['members'][what]['shape']
                ref = self.model.shapes[ref]['members'][self.protocol]
                listener[what] = {self.protocol: self.make(ref['shape'])}

    def fix_VirtualNodeSpec(self, spec, n):
        spec['listeners'] = self.listeners('Listener', PORTS)

    def fix_VirtualGatewaySpec(self, spec, n):
        protocol = ('http', 'http2', 'grpc')[n % 3]
        spec['listeners'] = self.listeners('VirtualGatewayListener',
                                           [protocol])

    def make_VirtualRouterSpec(self):
        n = self.turn('VirtualRouterSpec')
        protocol = list(PORTS)[n % len(PORTS)]
        return {'listeners': [
            {'portMapping': {'port': PORTS[protocol] + more,
                             'protocol': protocol}} for more in (0, SECOND)]}

    # routes

    def make_RouteSpec(self):
        return self.route('RouteSpec', list(PORTS))

    def make_GatewayRouteSpec(self):
        return self.route('GatewayRouteSpec', list(PORTS)[:3])

    def route(self, name, protocols):
        n = self.turn(name)
        self.protocol = protocols[n % len(protocols)]
        kind = self.protocol + 'Route'
        ref = self.model.shapes[name]['members'][kind]['shape']
        return {'priority': n, kind: self.make(ref)}

    def make_WeightedTarget(self):
        return {'virtualNode': self.node, 'weight': self.make('PercentInt'),
                'port': PORTS[self.protocol]}

    def fix_HttpRouteMatch(self, match, n):
        self.fix_path(match, n // 2)
        if self.protocol != 'http2':
            del match['scheme']

    def fix_path(self, match, n):
        """A prefix, an exact path or a pattern"""
        if n % 3 == 0:
            del match['path']
        else:
            del match['prefix']
            del match['path'][('exact', 'regex')[n % 3 - 1]]

    def fix_GatewayRouteHostnameMatch(self, match, n):
        del match[('exact', 'suffix')[n % 2]]

    def fix_HttpGatewayRoute(self, route, n):
        match, rewrite = route['match'], route['action']['rewrite']
        self.fix_path(match, n // 2)
        if 'prefix' in match:
            del rewrite['path']
            del rewrite['prefix'][('value', 'defaultPrefix')[n % 2]]
        else:
            del rewrite['prefix']

    def make_GatewayRouteTarget(self):
        return {'virtualService': {
            'virtualServiceName': self.service[self.protocol]},
            'port': PORTS[self.protocol]}


class Resources:
    """A mesh with everything: .calls is what creates it, in order, as

        {'kind': 'Route', 'name': ..., 'params': {...}, 'spec': {...}}

    "params" are the names of what it belongs to and of itself.  .missing is
    what of the model is said nowhere.
    """

    def __init__(self, model, mesh='full'):
        self.model = model
        self.mesh = mesh
        self.maker = Maker(model)
        self.calls = []
        self.missing = set()
        for spec in SPECS.values():
            self.missing |= model.everything(spec)
        self.fill()

    def fill(self):
        self.until('Mesh', 'mesh', lambda n: self.mesh + '-%d' % n * bool(n))
        self.until('VirtualNode', 'node')
        for protocol in PORTS:
            self.add('VirtualRouter', 'router-' + protocol)
            self.maker.service[protocol] = 's-%s.example.local' % protocol
            self.add('VirtualService', 's-%s.example.local' % protocol, {
                'provider': {'virtualRouter': {
                    'virtualRouterName': 'router-' + protocol}}})
        self.add('VirtualService', 'n.example.local', {'provider': {
            'virtualNode': {'virtualNodeName': self.maker.node}}})
        self.add('VirtualService', 'nobody.example.local', {})
        for protocol in list(PORTS)[:3]:
            self.add('VirtualGateway', 'gateway-' + protocol)
        self.until('VirtualGateway', 'gateway-more')
        self.until('Route', 'route')
        self.until('GatewayRoute', 'gateway-route')

    def until(self, kind, name, names=None):
        """As many of a kind as it takes to say all that it can say."""
        todo = self.model.everything(SPECS[kind])
        made = 0
        for _ in range(ENOUGH):
            spec = self.maker.make(SPECS[kind])
            if not made or self.model.said(SPECS[kind], spec) & self.missing:
                self.add(kind, names(made) if names
                         else '%s-%d' % (name, made), spec)
                made += 1
            if not todo & self.missing:
                return

    def add(self, kind, name, spec=None):
        if spec is None:
            spec = self.maker.make(SPECS[kind])
        params = {}
        if kind != 'Mesh':
            params['meshName'] = self.mesh
        parent = PARENTS.get(kind)
        if parent:
            params[member(parent)] = '%s-%s' % (
                {'VirtualRouter': 'router', 'VirtualGateway': 'gateway'}
                [parent], next(k for k in spec if k != 'priority')[:-5])
        params[member(kind)] = name
        self.missing -= self.model.said(SPECS[kind], spec)
        self.calls.append({'kind': kind, 'name': name, 'params': params,
                           'spec': spec})

    def first(self, kind):
        return next(c for c in self.calls if c['kind'] == kind)


def plural(kind):
    return 'Meshes' if kind == 'Mesh' else kind + 's'


def echoed(kind, spec):
    """A spec with what the API adds to it."""
    if kind != 'VirtualNode' or 'backends' in spec:
        return spec
    return dict(spec, backends=[])
