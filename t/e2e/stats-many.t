#!/usr/bin/env python3
#
# Ten thousand clusters: statistics are found and told in steps, between which
# other requests are answered, and what is told is complete all the same.

import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_stats
from mesh_test import (SLOW, Backend, Sidecar, connect, document, endpoint,
                       free_port, node, tap, wait)

CLUSTERS = 10000
NAME = 'cds_egress_m_n%05d_http_8080'


def many(port, version=1, n=CLUSTERS):
    doc = document(version, {'a': [port]})
    doc['virtualNodes'] += [node('n%05d' % i) for i in range(n - 1)]
    for i in range(n - 1):
        doc['endpoints']['n%05d' % i] = [endpoint(port)]
    return doc


def sidecar(doc, mesh, **kw):
    n = Sidecar(doc, mesh='metrics_zone 32m; ' + mesh, **kw).start()
    n.at('1', 60 * SLOW)
    return n


class Other:
    """A client of the same worker, one request after the other."""

    def __init__(self, port):
        self.socket = connect(port)
        self.done = 0
        self.stopping = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        ask = b'GET / HTTP/1.1\r\nHost: other\r\n\r\n'
        while not self.stopping:
            self.socket.sendall(ask)
            got = b''
            while not got.endswith(b'other'):
                got += self.socket.recv(65536)
            self.done += 1

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()


def until_first_line(port, path, other):
    """How many others were answered from asking for a page to its first line;
    and the page."""
    with connect(port, 120) as s:
        before = other.done
        s.sendall(b'GET %s HTTP/1.0\r\n\r\n' % path.encode())
        head, data = b'', b''
        while b'\r\n\r\n' not in head:
            head += s.recv(65536)
        head, _, data = head.partition(b'\r\n\r\n')
        while not data:
            data = s.recv(65536)
        answered = other.done - before
        parts = [data]
        while data:
            data = s.recv(1 << 20)
            parts.append(data)
    return answered, b''.join(parts).decode()


def pages():
    """While the rows of a page are found, before its first line, others have
    their turns."""
    back, port = Backend('a'), free_port()
    n = sidecar(many(back.port), 'retry_defaults off;', workers=1, http='''
server {
    listen 127.0.0.1:%d;
    keepalive_requests 10000000;
    location / { return 200 "other"; }
}''' % port)
    for _ in range(7):
        n.get('/')
    other = Other(port)
    wait(lambda: other.done > 100)

    for path in '/stats', '/stats/prometheus':

        # a client may sleep, so the best of some
        best = 0
        for _ in range(15):
            answered, text = until_first_line(n.admin, path, other)
            best = max(best, answered)
            if best >= 20:
                break
        tap.ok(best >= 20, path + ': others were answered before its first '
               'line', best)
        tap.say('%d requests' % best)

    other.stop()

    found = re.findall(r'^envoy_cluster_membership_total\{envoy_cluster_name='
                       r'"([^"]+)"\} (\d+)$', text, re.M)
    tap.same(len(found), CLUSTERS, 'each cluster')
    tap.same(len(set(found)), CLUSTERS, 'once')
    tap.ok(all(x[1] == '1' for x in found), 'with its endpoint')
    total = re.findall(r'^envoy_cluster_upstream_rq_total\{.*\} (\d+)$', text,
                       re.M)
    tap.same(sum(int(x) for x in total), 7, 'and its requests')
    tap.same(n.bad(), [], 'nothing bad in the log')


def changes():
    """Documents come while pages are written: each page is well formed."""
    back = Backend('a')
    n = sidecar(many(back.port, 1, 2000), 'metrics_extension on;', workers=2)
    stop = threading.Event()
    bad, pages_read = [], [0]

    def scrape():
        while not stop.is_set():
            try:
                mesh_stats.prometheus(n.page('/stats/prometheus').text)
                pages_read[0] += 1
            except Exception as e:
                bad.append(repr(e))

    t = threading.Thread(target=scrape)
    t.start()
    for i in range(2, 8):
        doc = many(back.port, i, 2000)
        for x in doc['virtualNodes'][1:]:
            if (int(x['virtualNodeName'][1:]) + i) % 3 == 0:
                x['virtualNodeName'] = 'v%d-%s' % (i, x['virtualNodeName'])
        doc['endpoints'] = {x['virtualNodeName']: [endpoint(back.port)]
                            for x in doc['virtualNodes']}
        n.put(doc)
        n.at(str(i), 60)
        n.get('/')
    wait(lambda: pages_read[0] > 3, 60)
    stop.set()
    t.join()
    tap.same(bad, [], 'pages are well formed while documents change')
    tap.same(n.bad(), [], 'nothing bad in the log')


def sinks():
    """A round that takes longer than its interval is told to its end."""
    back = Backend('a')
    agent = mesh_stats.StatsD()
    n = sidecar(many(back.port), 'statsd 127.0.0.1:%d interval=100ms;'
                % agent.port, workers=1)
    for _ in range(5):
        n.get('/')

    # of the last set; the row of a cluster is one of thousands
    tap.ok(wait(lambda: agent.select('envoy.server.live'), 60, 0.1),
           'the end of a round')
    total = 'envoy.cluster.upstream_rq_total'
    wait(lambda: agent.total(total) >= 5, 60, 0.1)
    tap.same(agent.total(total), 5, 'with all that was counted')
    tap.same(agent.bad, [], 'lines are well formed')
    tap.same(n.bad(), [], 'nothing bad in the log')


tap.run(pages, changes, sinks)
