#!/usr/bin/env python3
#
# Bugs of timeouts, retries and limits that were found later than the tests of
# these: each one has a part of its own here.

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

from mesh_test import (SLOW, Backend, Sidecar, document, free_port, request,
                       rss, tap, wait)


# Interim answers that never end

def interim_flood():
    def raw(s, f, r):
        s.sendall(b'HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n' * 100000)
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        return False

    b = Backend(raw=raw)
    n = Sidecar(document('1', {'a': [b.port]}),
                mesh='retry_defaults off;').start()
    n.at('1')

    worker = n.worker_pids()[0]
    before = rss(worker)
    r = n.get()
    grown = rss(worker) - before

    tap.same(r.status, 503, 'an answer that never comes is none')
    tap.ok(grown < 8192 * SLOW, 'memory is bounded', 'grown by %d KiB' % grown)
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


# A time limit that comes into force while others wait without one

def limited(ver, port, timeout):
    doc = document(ver, {'other': [free_port()]})
    doc['virtualNodes'].append({'virtualNodeName': 'me', 'spec': {
        'listeners': [{
            'portMapping': {'port': port, 'protocol': 'http'},
            'connectionPool': {'http': {'maxConnections': 1,
                                        'maxPendingRequests': 10}},
            'timeout': {'http': {'perRequest': {'unit': 'ms',
                                                'value': timeout}}}}],
        'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}})
    return doc


def queue_timeouts():
    held = threading.Event()
    inside = threading.Event()

    def answer(r):
        inside.set()
        held.wait(60 * SLOW)
        return b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

    b = Backend(answer=answer)
    port = free_port()
    n = Sidecar(limited(1, b.port, 0), resource='virtualNode/me', http='''
server {
    listen 127.0.0.1:%d;
    location / { mesh_pass ingress; }
}''' % port).start()
    n.at('1')

    def pending():
        return sum(int(v.get('rq_pending_active', 0))
                   for (name, ep), v in n.clusters().items()
                   if name.startswith('cds_ingress') and not ep)

    answers = {}

    def call(name):
        answers[name] = request(port, '/' + name, host='app.local',
                                timeout=60 * SLOW).status

    threads = []

    def start(name):
        threads.append(threading.Thread(target=call, args=(name,)))
        threads[-1].start()

    start('first')
    inside.wait(20 * SLOW)
    start('unlimited')
    tap.ok(wait(lambda: pending() == 1), 'one waits without a limit')

    n.put(limited(2, b.port, 300))
    n.at('2')

    start('limited')
    tap.ok(wait(lambda: answers.get('limited') == 504, 10 * SLOW),
           'the one behind it has a limit', str(answers))

    held.set()
    for t in threads:
        t.join()

    tap.same(answers['first'], 200, 'the first one is answered')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


tap.run(interim_flood, queue_timeouts)
