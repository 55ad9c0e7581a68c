#!/usr/bin/env python3
#
# Two thousand documents under constant load: no request fails, no memory is
# lost, and of the documents before the last one nothing is left.

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_test import (LONG, SANITIZE, Load, Nginx, Sidecar, document,
                       endpoint, free_port, node, rss, server, tap, wait)

DOCUMENTS = 20000 if LONG else 200 if SANITIZE else 2000

# KiB between two measurements of a worker whose memory is constant: an
# allocator's changes of mind
BOUND = 1024


def storm():
    ports = {x: free_port() for x in 'abcd'}
    Nginx('\n'.join(server(x, p) for x, p in ports.items()),
          level='error').start()

    def doc(i):
        """Nodes, weights, endpoints and sizes differ from one to the next."""
        use = 'abcd'[i % 4], 'abcd'[(i + 1 + i % 3) % 4]
        nodes = {x: [ports[x]] + ([endpoint(ports[x], ip='127.0.0.%d'
                                            % (2 + i % 250))]
                                  if i % 2 else []) for x in use}
        for eps in nodes.values():
            for e in eps[1:]:
                e['healthStatus'] = 'UNHEALTHY'
        d = document(i, nodes, weights={use[0]: 1 + i % 5})
        for k in range(i % 7):
            d['virtualNodes'].append(node('spare%d' % k))
            d['endpoints']['spare%d' % k] = [
                {'ip': '10.%d.%d.%d' % (k, i % 250, j)} for j in range(20)]
        if i % 50 == 0:
            d['padding'] = ['x' * 1000] * 100   # not built at once
        return json.dumps(d)

    n = Sidecar(doc(0), workers=2, level='notice').start()
    n.at('0')
    load = Load(n.egress, clients=4)
    log = open(n.path('logs/error.log'))
    state = {'applied': 0}

    def applied():
        state['applied'] += sum('" applied' in line for line in log)
        return state['applied']

    def change(first, last):
        for i in range(first, last):
            n.put(doc(i))
            # every one is to be in force, none skipped
            if not wait(lambda: applied() > i, 20, 0.002):
                tap.ok(False, 'document %d was taken' % i, n.errors(3))
                return

    def measure():
        load.more(200)
        n.at(n.lines('" applied')[-1].split('"')[1])
        return [rss(pid) for pid in n.worker_pids()]

    begin = time.monotonic()
    warm = DOCUMENTS // 4
    change(1, warm)
    before = measure()
    pids = n.worker_pids()
    change(warm, DOCUMENTS + 1)
    after = measure()
    took = time.monotonic() - begin
    load.stop()

    tap.say('%d documents and %d requests in %.1f s' % (DOCUMENTS, load.done,
                                                        took))
    tap.same(applied(), DOCUMENTS + 1, 'all documents were in force')
    tap.same(load.failures[:5], [], 'no request failed')
    tap.ok(load.resets == 0, 'no connection was reset', load.resets)
    tap.ok(set(load.answers) == set(ports), 'all backends answered',
           load.answers)
    tap.ok(load.done > DOCUMENTS, 'under load', load.done)
    tap.same(n.worker_pids(), pids, 'workers are the same')

    if SANITIZE:
        tap.skip('memory is flat', 'a sanitizer keeps what was freed')
    else:
        tap.ok(all(y - x < BOUND for x, y in zip(before, after)),
               'memory is flat', 'before %s, after %s KiB' % (before, after))

    seen = {}

    def one_each():
        for info in n.infos():
            w = info['worker']
            seen[w['pid']] = (w['snapshots'], w.get('version'))
        return len(seen) == 2 \
            and set(seen.values()) == {(1, str(DOCUMENTS))}

    tap.ok(wait(one_each), 'one snapshot in each worker, the last', seen)
    tap.same(n.in_flight(), 0, 'nothing stays in flight')
    tap.ok(len(n.clusters()) < 800, 'no endpoints of before')
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad() + n.lines(r'\[error\]'), [], 'nothing in the log')


tap.run(storm)
