#!/usr/bin/env python3
#
# Rolling deploys: every instance of a service is replaced, one after another,
# while requests come at a steady rate.  With the order that an orchestrator
# keeps (new one in, old one out, drained, stopped) none fails; with kill -9
# instead, how many do is reported for each of the default retry policies.
#
# The long form runs for 60 s at 500 requests a second.

import http.client
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_test import (LONG, SANITIZE, SLOW, Backend, Sidecar, at_end,
                       document, endpoint, free_port, reply, request, tap,
                       wait)

RATE, SECONDS = (500, 60) if LONG and not SANITIZE else (80, 6)


class Instance:
    """An application and its sidecar."""

    def __init__(self, name):
        self.app = Backend(name, answer=self.answer)
        self.port = free_port()
        me = {'virtualNodeName': 'me', 'spec': {
            'listeners': [{'portMapping': {'port': self.app.port,
                                           'protocol': 'http'},
                           'connectionPool': {'http': {
                               'maxConnections': 50}}}],
            'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}}
        doc = document(1, {'other': [free_port()]})
        doc['virtualNodes'].append(me)
        self.sidecar = Sidecar(doc, resource='virtualNode/me', workers=2,
                               main='worker_shutdown_timeout 20s;', http='''
server {
    listen 127.0.0.1:%d;
    location / { mesh_pass ingress; }
}
''' % self.port).start()

    def answer(self, r):
        # some are still on their way when the instance is to go
        time.sleep(0.1 if r.path.endswith('7') else 0.002)
        return reply(self.app.name)

    def ready(self):
        return self.sidecar.page('/ready').status == 200

    def stop(self):
        """As an orchestrator does it; whether it ended in time."""
        request(self.sidecar.admin, '/drain_listeners', 'POST')
        good = self.sidecar.stop(signal.SIGQUIT, 20)
        self.app.close()
        return good

    def kill(self):
        self.app.close()
        for pid in self.sidecar.worker_pids() + [self.sidecar.pid]:
            os.kill(pid, signal.SIGKILL)
        self.sidecar.process.wait()


class Steady:
    """Requests at a rate, not at the pace of the answers."""

    def __init__(self, port, rate, clients=16, method='GET'):
        self.port, self.method = port, method
        self.gap = clients / rate
        self.total = 0
        self.failures = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.client, daemon=True,
                                         args=(i * self.gap / clients,))
                        for i in range(clients)]
        at_end(self.stopping.set)
        for t in self.threads:
            t.start()

    def client(self, offset):
        c = None
        due = time.monotonic() + offset

        while not self.stopping.is_set():
            time.sleep(max(0, due - time.monotonic()))
            due = max(due + self.gap, time.monotonic() - 1)
            if c is None:
                c = http.client.HTTPConnection('127.0.0.1', self.port,
                                               timeout=20 * SLOW)
            with self.lock:
                self.total += 1
                number = self.total
            try:
                r = request(self.port, '/%d' % number, self.method,
                            host='app.local', connection=c)
                bad = r.status != 200 and '%d %s' % (r.status, r.text)
            except (OSError, http.client.HTTPException) as e:
                c.close()
                c, bad = None, repr(e)
            if bad:
                with self.lock:
                    self.failures.append(bad)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(20 * SLOW)
        return self


def describe(version, instances, **more):
    return document(version, {'a': [endpoint(i.port) for i in instances]},
                    **more)


def start(mesh=''):
    instances = [Instance('i%d' % i) for i in range(3)]
    caller = Sidecar(describe(1, instances), workers=2, mesh=mesh).start()
    return caller, instances


def put(caller, version, instances):
    caller.put(describe(version, instances))
    return caller.at(str(version))


def rolling():
    caller, instances = start()
    load = Steady(caller.egress, RATE)
    begin = time.monotonic()
    version = 1
    ended = []
    replaced = 0

    while replaced < 3 or time.monotonic() - begin < SECONDS:
        new = Instance('n%d' % replaced)
        wait(new.ready)
        old = instances.pop(0)

        for now in (instances + [old, new], instances + [new]):
            version += 1
            put(caller, version, now)

        instances.append(new)
        ended.append(old.stop())
        replaced += 1
        time.sleep(0.2)

    load.stop()
    tap.same(load.failures[:5], [], '%d requests in %.0f s, %d instances '
             'replaced: 0 failed' % (load.total, time.monotonic() - begin,
                                     replaced))
    tap.ok(load.total > 0.7 * RATE * SECONDS / SLOW, 'as many as meant',
           load.total)
    tap.same(ended, [True] * replaced, 'all instances ended by themselves')
    tap.same(caller.bad(), [], 'nothing bad is logged')


def killed(policy, method):
    caller, instances = start('retry_defaults %s;' % policy)
    load = Steady(caller.egress, RATE, method=method)
    version = 1

    for n in range(3):
        time.sleep(0.5)
        new = Instance('k%d' % n)
        wait(new.ready)
        instances.pop(0).kill()

        # somebody notices
        time.sleep(0.3)
        instances.append(new)
        version += 1
        put(caller, version, instances)

    load.stop()
    tap.say('kill -9 of three of three instances, retry_defaults %s, %s: '
            '%d of %d requests failed' % (policy, method, len(load.failures),
                                          load.total))
    return load


def kills():
    off = killed('off', 'GET')
    tap.ok(off.failures, 'without retries some fail')
    load = killed('appmesh', 'GET')
    tap.same(load.failures[:3], [], 'with the policy of App Mesh none does')

    # its budget ends where many fail at once
    load = killed('safe', 'GET')
    tap.ok(len(load.failures) < len(off.failures), 'fewer with the safe one')
    killed('safe', 'POST')


tap.run(rolling, kills)
