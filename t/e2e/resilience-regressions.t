#!/usr/bin/env python3
#
# Bugs of timeouts, retries and limits that were found later than the tests of
# these: each one has a part of its own here.

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

from mesh_test import SLOW, Backend, Sidecar, document, rss, tap


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


tap.run(interim_flood)
