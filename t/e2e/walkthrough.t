#!/usr/bin/env python3
#
# The numbers that App Mesh's own walkthroughs show: its timeouts, at their real
# times, over two proxies, and 195 good answers to 5 bad ones.  The cases run at
# the same time.  LONG=1 adds the idle timeout of five minutes.

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

from mesh_fault import FLAGS, duration, full, policy, together
from mesh_fixtures import Resource
from mesh_test import (LONG, SHARED, SLOW, Backend, Sidecar, document,
                       endpoint, free_port, node, reply, request, tap, wait)


def seconds(n):
    return {'perRequest': {'unit': 's', 'value': n}}


class App:
    """GET /SECONDS/NAME takes so long."""

    def __init__(self):
        self.seen = []
        self.backend = Backend('app', raw=self.answer)
        self.port = self.backend.port

    def answer(self, s, f, r):
        self.seen.append(r.path)
        time.sleep(float(r.path.split('/')[1]))
        s.sendall(reply('done'))
        return True

    def asked(self, path):
        return self.seen.count(path)


class Callee:
    """The proxy of a node, in front of the application."""

    def __init__(self, name, port, timeout=None):
        self.name, self.ingress = name, free_port()
        self.node = node(name, [(port, 'http')])
        if timeout:
            self.node['spec']['listeners'][0]['timeout'] = {'http': timeout}
        self.node['spec']['serviceDiscovery'] = {'dns': {'hostname': 'none'}}
        d = document(1, {name: [port]}, virtualNodes=[self.node])
        self.n = Sidecar(d, resource='virtualNode/' + name, http='''
server {
    listen 127.0.0.1:%d;
    location / { mesh_pass ingress; %s }
}''' % (self.ingress, FLAGS)).start()
        self.n.at('1')


def mesh(callees, cases):
    """A caller's document: a virtual service for each case, CASE.local."""
    d = document(1, {})
    for part in ('virtualServices', 'virtualRouters', 'routes'):
        d[part] = []
    d['virtualNodes'] = [c.node for c in callees]
    d['endpoints'] = {c.name: [endpoint(c.ingress)] for c in callees}
    for name, callee, timeout, retry in cases:
        provider = {'virtualNode': {'virtualNodeName': callee}}
        if timeout != 'node':
            provider = {'virtualRouter': {'virtualRouterName': name}}
            route = {'match': {'prefix': '/'}, 'action': {'weightedTargets': [
                {'virtualNode': callee, 'weight': 1}]}}
            if timeout:
                route['timeout'] = timeout
            if retry:
                route['retryPolicy'] = retry
            d['virtualRouters'].append({
                'virtualRouterName': name, 'spec': {'listeners': [
                    {'portMapping': {'port': 8080, 'protocol': 'http'}}]}})
            d['routes'].append({'virtualRouterName': name, 'routeName': 'all',
                                'spec': {'httpRoute': route}})
        d['virtualServices'].append({
            'virtualServiceName': name + '.local',
            'spec': {'provider': provider}})
    return d


PER_TRY = policy('server-error', per_try=2000)

# name, listener, route (None: no timeout given, "node": the service has no
# router), retries, the application's time: status, time, attempts

TIMEOUTS = [
    ('default', 'plain', None, None, 7, 200, 7, 1),
    ('default-over', 'plain', None, None, 17, 504, 15, 1),
    ('route-5', 'plain', seconds(5), None, 7, 504, 5, 1),
    ('both-20', 'twenty', seconds(20), None, 17, 200, 17, 1),
    ('both-20-over', 'twenty', seconds(20), None, 21, 504, 20, 1),
    # to go beyond 15 s both have to be raised
    ('route-20', 'plain', seconds(20), None, 17, 504, 15, 1),
    ('listener-20', 'twenty', None, None, 17, 504, 15, 1),
    ('listener-5', 'five', seconds(20), None, 7, 504, 5, 1),
    ('off', 'off', seconds(0), None, 21.5, 200, 21.5, 1),
    ('route-off', 'plain', seconds(0), None, 17, 504, 15, 1),
    # a service without a router has 15 s, whatever the listener says
    ('node', 'twenty', 'node', None, 7, 200, 7, 1),
    ('node-over', 'twenty', 'node', None, 17, 504, 15, 1),
    # three attempts of two seconds, as far as perRequest goes
    ('per-try', 'plain', None, PER_TRY, 12, 504, 6, 3),
    ('per-try-5', 'plain', seconds(5), PER_TRY, 12, 504, 5, 3),
    ('per-try-3', 'plain', seconds(3), PER_TRY, 12, 504, 3, 2),
    # connecting: a second to an endpoint, a quarter to the application
    ('connect', 'nowhere', None, policy('client-error', retries=0), 0, 503,
     1, 0),
    ('connect-app', 'full', None, policy('client-error', retries=0), 0, 503,
     0.25, 0),
    # no byte: of the route, the caller's, and of the listener
    ('idle-3', 'plain', {'idle': duration(3000)}, None, 7, 504, 3, 1),
    ('idle-listener-3', 'idle', None, None, 7, 504, 3, 1),
]

if LONG:
    TIMEOUTS += [
        ('idle', 'off', seconds(0), None, 310, 504, 300, 1),
    ]


def timeouts():
    app = App()
    callees = [
        Callee('plain', app.port),
        Callee('five', app.port, seconds(5)),
        Callee('twenty', app.port, seconds(20)),
        Callee('off', app.port, seconds(0)),
        Callee('idle', app.port, {'idle': duration(3000)}),
        Callee('full', full()),
        Callee('nowhere', app.port),
    ]
    callees[-1].ingress = full()
    n = Sidecar(mesh(callees, [c[:4] for c in TIMEOUTS]),
                location=FLAGS).start()
    n.at('1')

    def case(name, callee, timeout, retry, takes, status, sec, attempts):
        path = '/%s/%s' % (takes, name)
        t = time.monotonic()
        r = request(n.egress, path, host=name + '.local', timeout=400)
        t = time.monotonic() - t
        tap.same((r.status, app.asked(path)), (status, attempts),
                 '%s: %d after %s s' % (name, status, sec))
        # the timer of idle looks four times
        late = sec / 4 if 'idle' in name else 0
        tap.ok(sec - 0.1 < t < sec + late + 1.8 * SLOW, '%s: in time' % name,
               t)

    together([lambda c=c: case(*c) for c in TIMEOUTS])
    for x in callees + [n]:
        x = getattr(x, 'n', x)
        tap.ok(wait(lambda: x.in_flight() == 0), 'nothing stays in flight')
        tap.ok(x.stop(), 'ends')
        tap.same(x.bad(), [], 'no alerts')


class Host(Backend):
    def __init__(self):
        super().__init__('color', self.respond)
        self.bad = False

    def respond(self, r):
        if self.bad and r.path != '/ping':
            return reply('fault', '500 Internal Server Error')
        return reply('color')


def own():
    found = node('color-node', [(8080, 'http')])
    found['spec']['listeners'][0]['outlierDetection'] = {
        'maxServerErrors': 5, 'maxEjectionPercent': 100,
        'interval': {'value': 30, 'unit': 's'},
        'baseEjectionDuration': {'value': 10, 'unit': 's'}}
    return found


def load(n, total=200, rate=50):
    """So many requests at a rate: how many of each status."""
    seen = {}
    begin = time.monotonic()
    for i in range(total):
        time.sleep(max(0, begin + i / rate - time.monotonic()))
        status = n.get(path='/color').status
        seen[status] = seen.get(status, 0) + 1
    return seen


def outliers(what, color):
    hosts = [Host() for _ in range(4)]
    n = Sidecar(document(1, {'color-node': [h.port for h in hosts]},
                         virtualNodes=[color]), workers=2).start()
    n.at('1')
    if 'healthCheck' in color['spec']['listeners'][0]:
        tap.ok(wait(lambda: len(n.lines(r' is healthy: ')) == 4),
               what + ': all four are healthy')
    tap.same(load(n, 40), {200: 40}, what + ': all is well')
    hosts[0].bad = True
    tap.same(load(n), {200: 195, 500: 5}, what + ': one bad host of four')
    hosts[1].bad = hosts[2].bad = True
    # each has its five errors, after which there is one host left
    load(n, 60, 200)
    got = load(n)
    tap.ok(sum(got.values()) == 200 and 40 <= got.get(200, 0) <= 64,
           what + ': three bad ones, which are used all the same', got)
    tap.say(json.dumps(got))
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


FIXTURE = os.path.join(SHARED, 'fixtures/appmesh-examples/'
                       'howto-outlier-detection/mesh/'
                       'color-vn-with-outlier-detection.json')


def all_of_it():
    calls = [timeouts, lambda: outliers('own spec', own())]
    if SHARED and os.path.exists(FIXTURE):
        calls.append(lambda: outliers('howto-outlier-detection',
                                      Resource(FIXTURE).body))
    else:
        tap.skip('howto-outlier-detection', 'needs MESH_SHARED')
    together(calls)


tap.run(all_of_it)
