#!/usr/bin/env python3
"""What watching costs, and how long a change takes to those who wait.

    control_watch.py URL PID... [--watchers N] [--documents N] [--rounds N]

makes a mesh at a control plane without authentication, holds N requests over
as many documents (0: one each), and then changes

    one     the node of one document
    all     a route that all documents have

PIDs are those of the workers, for their memory.  Times are from the end of the
API's answer to the first byte of the document at the watcher, in ms.
"""

import argparse
import json
import selectors
import socket
import statistics
import time
import urllib.parse
import urllib.request

MESH = 'bench'


def rss(pids):
    total = 0
    for pid in pids:
        with open('/proc/%d/status' % pid) as f:
            fields = dict(line.split(':', 1) for line in f)
        total += int(fields['RssAnon'].split()[0])
    return total


class Api:
    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        r = urllib.request.Request(self.url + path, data, method=method)
        r.add_header('Content-Type', 'application/json')
        with urllib.request.urlopen(r) as answer:
            return answer.headers, answer.read()

    def put(self, path, **body):
        return self.call('PUT', '/v20190125/meshes' + path, body)


def node(i):
    return {'listeners': [{'portMapping': {'port': 8000 + i % 1000,
                                           'protocol': 'http'}}],
            'serviceDiscovery': {'dns': {'hostname': '127.0.0.1'}},
            'backends': [{'virtualService': {
                'virtualServiceName': 'shared.local'}}]}


def route(n):
    return {'httpRoute': {'match': {'prefix': '/%d' % n}, 'action': {
        'weightedTargets': [{'virtualNode': 'target', 'weight': 1}]}}}


def document(i):
    return '/mesh/v1/meshes/%s/virtualNodes/n%d/document' % (MESH, i)


def build(api, documents):
    api.put('', meshName=MESH)
    mesh = '/' + MESH
    api.put(mesh + '/virtualNodes', virtualNodeName='target', spec={
        'listeners': node(0)['listeners'],
        'serviceDiscovery': node(0)['serviceDiscovery']})
    api.put(mesh + '/virtualRouters', virtualRouterName='shared', spec={
        'listeners': node(0)['listeners']})
    api.put(mesh + '/virtualRouter/shared/routes', routeName='all',
            spec=route(0))
    api.put(mesh + '/virtualServices', virtualServiceName='shared.local',
            spec={'provider': {'virtualRouter': {
                'virtualRouterName': 'shared'}}})
    for i in range(documents):
        api.put(mesh + '/virtualNodes', virtualNodeName='n%d' % i,
                spec=node(i))


class Watchers:
    def __init__(self, url, n, documents):
        at = urllib.parse.urlsplit(url)
        self.address = (at.hostname, at.port)
        self.documents = documents
        self.selector = selectors.DefaultSelector()
        self.socks = []
        for i in range(n):
            s = socket.create_connection(self.address)
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ, i)
            self.socks.append(s)
        self.etags = [None] * n

    def ask(self, i):
        known = 'If-None-Match: %s\r\nPrefer: wait=3600\r\n' % self.etags[i] \
            if self.etags[i] else ''
        self.socks[i].sendall((
            'GET %s HTTP/1.1\r\nHost: bench\r\nMesh-Proxy-Id: p%d\r\n%s\r\n'
            % (document(i % self.documents), i, known)).encode())

    def collect(self, n, timeout):
        """When each of n answers began to arrive; all are read to the end."""
        times, left, buffers = [], n, {}
        end = time.monotonic() + timeout
        while left and time.monotonic() < end:
            for key, _ in self.selector.select(1):
                i, now = key.data, time.monotonic()
                if i not in buffers:
                    buffers[i] = b''
                    times.append(now)
                buffers[i] += self.socks[i].recv(65536)
                head, sep, body = buffers[i].partition(b'\r\n\r\n')
                fields = dict(line.split(': ', 1) for line in
                              head.decode().split('\r\n')[1:]) if sep else {}
                if sep and len(body) >= int(fields.get('Content-Length', 0)):
                    self.etags[i] = fields['ETag']
                    del buffers[i]
                    left -= 1
        return times


def show(name, times, start):
    ms = sorted((t - start) * 1000 for t in times)
    print('%-4s %6d woken: median %.1f ms, p99 %.1f ms, last %.1f ms'
          % (name, len(ms), statistics.median(ms),
             ms[min(len(ms) - 1, len(ms) * 99 // 100)], ms[-1]), flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('url')
    p.add_argument('pid', type=int, nargs='*')
    p.add_argument('--watchers', type=int, default=1000)
    p.add_argument('--documents', type=int, default=0)
    p.add_argument('--rounds', type=int, default=3)
    a = p.parse_args()
    documents = a.documents or a.watchers

    api = Api(a.url)
    build(api, documents)

    w = Watchers(a.url, a.watchers, documents)
    start = time.monotonic()
    for i in range(a.watchers):
        w.ask(i)
    w.collect(a.watchers, 120)
    print('first documents: %.0f us each'
          % ((time.monotonic() - start) * 1e6 / a.watchers))

    before = rss(a.pid)
    for i in range(a.watchers):
        w.ask(i)
    time.sleep(2)
    print('resident: %d KB, of a watcher that waits %.1f KB (after those '
          'connections were used)' % (rss(a.pid), rss(a.pid) / a.watchers))
    print('waiting took %.2f KB each of that' % ((rss(a.pid) - before)
                                                 / a.watchers))

    for n in range(1, a.rounds + 1):
        api.put('/%s/virtualNodes/n0' % MESH, spec=node(n))
        start = time.monotonic()
        same = len(range(0, a.watchers, documents))
        show('one', w.collect(same, 60), start)
        for i in range(0, a.watchers, documents):
            w.ask(i)
        time.sleep(0.5)

        api.put('/%s/virtualRouter/shared/routes/all' % MESH, spec=route(n))
        start = time.monotonic()
        show('all', w.collect(a.watchers, 120), start)
        for i in range(a.watchers):
            w.ask(i)
        time.sleep(1)


if __name__ == '__main__':
    main()
