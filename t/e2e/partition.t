#!/usr/bin/env python3

"""A network that swallows what is sent between proxies and their control
plane: connections stay open and nothing comes.  Proxies serve on with what
they have, notice it, and have the newest document soon after it is over; the
control plane gets rid of those who wait for nothing.
"""

import os
import select
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_control import ControlPlane, uri                       # noqa: E402
from mesh_test import SLOW, Backend, Sidecar, at_end, tap, wait  # noqa: E402

PROXIES = 3


class Network:
    """Carries connections to a port until it is cut; those of that time are
    not carried again."""

    def __init__(self, port):
        self.to = port
        self.cut = {'there': False, 'back': False}
        self.age = 0
        self.socket = socket.socket()
        self.socket.bind(('127.0.0.1', 0))
        self.socket.listen(128)
        self.port = self.socket.getsockname()[1]
        at_end(self.socket.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.socket.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(('127.0.0.1', self.to))
            except OSError:
                near.close()
                continue
            threading.Thread(target=self.carry, args=(near, far, self.age),
                             daemon=True).start()

    def carry(self, near, far, age):
        try:
            while True:
                ready, _, _ = select.select([near, far], [], [], 0.05)
                for s in ready:
                    data = s.recv(65536)
                    if self.lost('there' if s is near else 'back', age):
                        continue
                    if not data:
                        return
                    (far if s is near else near).sendall(data)
                # both ends go with the process only, as packets would
                while self.age != age or all(self.cut.values()):
                    time.sleep(0.05)
        except OSError:
            pass
        finally:
            if self.age == age:
                near.close()
                far.close()

    def lost(self, way, age):
        return self.cut[way] or self.age != age

    def part(self, *ways):
        for way in ways:
            self.cut[way] = True

    def heal(self):
        self.age += 1
        self.cut = {'there': False, 'back': False}


def mesh(cp, ports):
    create = cp.create
    create('meshes', meshName='m')
    for name, port in ports.items():
        create('meshes', 'm', 'virtualNodes', virtualNodeName=name, spec={
            'listeners': [{'portMapping': {'port': port,
                                           'protocol': 'http'}}],
            'serviceDiscovery': {'dns': {'hostname': '127.0.0.1'}}})
    create('meshes', 'm', 'virtualRouters', virtualRouterName='r', spec={
        'listeners': [{'portMapping': {'port': 80, 'protocol': 'http'}}]})
    create('meshes', 'm', 'virtualRouter', 'r', 'routes', routeName='all',
           spec=route('a'))
    create('meshes', 'm', 'virtualServices', virtualServiceName='app.local',
           spec={'provider': {'virtualRouter': {'virtualRouterName': 'r'}}})
    for i in range(PROXIES):
        create('meshes', 'm', 'virtualNodes', virtualNodeName='p%d' % i,
               spec={'backends': [{'virtualService': {
                   'virtualServiceName': 'app.local'}}]})


def route(node):
    return {'httpRoute': {'match': {'prefix': '/'}, 'action': {
        'weightedTargets': [{'virtualNode': node, 'weight': 1}]}}}


def partition():
    servers = {name: Backend(name) for name in 'ab'}
    cp = ControlPlane(workers=2, more_http='''
        send_timeout 2s;
        client_header_timeout 2s;''').start()
    mesh(cp, {name: b.port for name, b in servers.items()})
    network = Network(cp.port)
    proxies = [Sidecar(
        control_plane='http://127.0.0.1:%d interval=500ms wait=3s'
        % network.port, resource='virtualNode/p%d' % i,
        mesh='control_plane_timeout 1s total=2s;').start()
        for i in range(PROXIES)]

    def all_are(text):
        return all(p.get().text == text for p in proxies)

    def failing():
        return all('source_error' in p.info()['config'] for p in proxies)

    def waiting():
        body = cp.get('/mesh/v1/meshes/m/proxies').body
        return sum(p['waiting'] for p in body['proxies'])

    tap.ok(wait(lambda: all_are('a')), 'all proxies have the mesh')

    now, other = 'a', 'b'
    for ways in (('there', 'back'), ('back',), ('there',)):
        tap.ok(wait(lambda: waiting() == PROXIES), 'all of them wait')
        network.part(*ways)
        name = 'nothing goes ' + ' or '.join(ways)
        answer = cp.put(uri('meshes', 'm', 'virtualRouter', 'r', 'routes',
                            'all'), {'spec': route(other)})
        tap.same(answer.status, 200, name + ': the API takes a change')
        if 'back' in ways:
            tap.ok(wait(failing, 15), 'the proxies notice',
                   *[p.info()['config'] for p in proxies])
            tap.ok(all_are(now), 'and serve as before')
            tap.same([p.page('/ready').status for p in proxies],
                     [200] * PROXIES, 'and are ready')
        start = time.monotonic()
        network.heal()
        tap.ok(wait(lambda: all_are(other), 20), 'and have it when that ends',
               *[p.info()['config'] for p in proxies])
        took = time.monotonic() - start
        tap.say('%.1f s' % took)
        tap.ok(took < 10 * SLOW, 'soon')
        tap.ok(wait(lambda: not any('source_error' in p.info()['config']
                                    for p in proxies)), 'and are well')
        now, other = other, now

    tap.ok(wait(lambda: waiting() <= PROXIES, 15),
           'nobody is held who is gone', waiting())
    tap.same(sum((p.bad() for p in proxies), cp.bad()), [],
             'nothing bad is logged')
    tap.ok(cp.stop(), 'the control plane ends')
    tap.ok(all(p.stop() for p in proxies), 'and so do the proxies')


tap.run(partition)
