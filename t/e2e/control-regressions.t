#!/usr/bin/env python3
#
# What the control plane once did wrong.  Each part tells its story.

import json
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_control import ControlPlane, uri
from mesh_test import exchange, tap

SPEC = {'listeners': [{'portMapping': {'port': 8080, 'protocol': 'http'}}],
        'serviceDiscovery': {'dns': {'hostname': 'a.local'}}}


def dots():
    """A resource named ".." could be made, by its body, and then neither be
    read nor deleted, since its URI is refused; nor could its mesh."""
    cp = ControlPlane().start()
    cp.create('meshes', meshName='m')
    for name in ('.', '..'):
        a = cp.create('meshes', meshName=name)
        tap.same((a.status, a.error), (400, 'BadRequestException'),
                 'no mesh is made that is named "%s"' % name)
        a = cp.create('meshes', 'm', 'virtualNodes', virtualNodeName=name,
                      spec=SPEC)
        tap.same((a.status, a.error), (400, 'BadRequestException'),
                 'no node is made that is named "%s"' % name)
    for name in ('...', '.a', '..a'):
        a = cp.create('meshes', 'm', 'virtualNodes', virtualNodeName=name,
                      spec=SPEC)
        b = cp.delete(uri('meshes', 'm', 'virtualNodes', name))
        tap.same((a.status, b.status), (200, 200),
                 'a node named "%s" comes and goes' % name)
    tap.same(cp.delete(uri('meshes', 'm')).status, 200,
             'the mesh can be deleted')
    cp.stop()


def lines():
    """Names with line feeds, which errors quote, wrote lines of their own
    into the error log."""
    cp = ControlPlane().start()
    cp.create('meshes', meshName='m')
    fake = '2026/09/30 00:00:00 [alert] 1#1: fake'
    a = cp.create('meshes', 'm', 'virtualNodes',
                  virtualNodeName='a\n' + fake, spec=SPEC)
    tap.same(a.status, 400, 'a line feed in a name is refused')
    tap.ok('a\n' + fake in (a.message or ''), 'and quoted in the answer')
    log = cp.log()
    tap.ok(not re.search('^' + re.escape(fake), log, re.M),
           'the log has no line that the client wrote')
    cp.stop()


def quotas():
    """With a quota all creates in a mesh count the same, and but one of them
    has to count again: after eight times they failed, with ten clients."""
    cp = ControlPlane(location='mesh_quotas virtual_nodes=300;').start()
    cp.create('meshes', meshName='m')
    made, lock = [], threading.Lock()

    def client(n):
        for i in range(20):
            a = cp.create('meshes', 'm', 'virtualNodes',
                          virtualNodeName='n%d-%d' % (n, i), spec=SPEC)
            with lock:
                made.append((a.status, a.error))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    tap.same(sorted(set(made), key=str),
             [(200, None), (400, 'LimitExceededException')],
             'clients at a time hit the quota, and nothing else')
    tap.same(made.count((200, None)), 300, 'which is held exactly')
    cp.stop()


def told():
    """A proxy's words that were no UTF-8 by a hair, half of a surrogate pair
    above all, made the list of proxies unreadable for all who asked."""
    cp = ControlPlane().start()
    cp.create('meshes', meshName='m')
    cp.create('meshes', 'm', 'virtualNodes', virtualNodeName='a', spec=SPEC)
    bad = (b'\xed\xa0\x80', b'\xed\xbf\xbf', b'\xc3\xff', b'\xf9\x90\x80\x80',
           b'\xc0\x80', b'\xf5\x80\x80\x80', b'\xe2\x82', b'\x80')
    for i, text in enumerate(bad + ('\u20ac'.encode(),)):
        data = exchange(cp.port, b'GET /mesh/v1/meshes/m/virtualNodes/a/document'
                        b' HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
                        b'Mesh-Proxy-Id: p%d\r\nMesh-Rejected: v; %s no\r\n\r\n'
                        % (i, text))
        if b' 200 ' not in data.split(b'\r\n')[0]:
            tap.ok(False, 'is taken', data)
    data = exchange(cp.port, b'GET /mesh/v1/meshes/m/proxies HTTP/1.1\r\n'
                    b'Host: a\r\nConnection: close\r\n\r\n')
    body = json.loads(data.partition(b'\r\n\r\n')[2].decode())
    reasons = [p['rejected']['reason'] for p in body['proxies']]
    tap.same(reasons, ['?' * len(t) + ' no' for t in bad] + ['\u20ac no'],
             'the list of proxies is JSON, whatever proxies say')
    cp.stop()


tap.run(dots, lines, quotas, told)
