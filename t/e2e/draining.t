#!/usr/bin/env python3
#
# Rolling deploys: every instance of a service is replaced, one after another,
# while requests come at a steady rate.  With the order that an orchestrator
# keeps (new one in, old one out, drained, stopped) none fails; with kill -9
# instead, how many do is reported for each of the default retry policies.
#
# Before that, how a sidecar that util/mesh started ends: drained at SIGTERM, in
# the time it has for it, and with nothing left behind.
#
# The long form runs for 60 s at 500 requests a second.

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_test import (LONG, NGINX, ROOT, SANITIZE, SLOW, Backend, Load,
                       Sidecar, alive, at_end, children, connect, directory,
                       document, endpoint, free_port, reply, request, tap,
                       wait)

RATE, SECONDS = (500, 60) if LONG and not SANITIZE else (80, 6)


class Launched:
    """An application, and its sidecar as util/mesh starts it."""

    def __init__(self, *options, env=None):
        self.hold = threading.Event()
        self.app = Backend('me', answer=self.answer)
        self.dir = directory()
        self.port, self.admin = free_port(), free_port()
        doc = document(1, {'other': [free_port()]})
        doc['virtualNodes'].append({'virtualNodeName': 'me', 'spec': {
            'listeners': [{'portMapping': {'port': self.app.port,
                                           'protocol': 'http'}}],
            'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}})
        with open(self.dir + '/mesh.json', 'w') as f:
            json.dump(doc, f)
        at_end(self.hold.set)

        env = dict(os.environ, NGINX=NGINX, MESH_MODULE=os.path.join(
            os.environ['MESH_BUILD_DIR'], 'ngx_http_mesh_module.so'),
            **env or {})
        for name in [n for n in env if n.startswith(('LISTENER_', 'ENVOY_'))]:
            del env[name]
        self.process = subprocess.Popen(
            [ROOT + '/util/mesh', 'sidecar',
             '--resource', 'mesh/m/virtualNode/me',
             '--control-plane', 'file:%s/mesh.json' % self.dir,
             '--egress', 'off', '--ingress', '127.0.0.1:%d' % self.port,
             '--admin', '127.0.0.1:%d' % self.admin, '--workers', '2',
             '--run-dir', self.dir + '/run', '--state', self.dir + '/state',
             '--access-log', 'off'] + list(options),
            stderr=open(self.dir + '/log', 'ab'), env=env)
        at_end(self.kill)

    def answer(self, r):
        if r.path == '/hold':
            self.hold.wait(60)
        return reply('me')

    def ready(self):
        """The status of /ready, None if nobody answers."""
        if self.process.poll() is not None:
            return None
        try:
            return request(self.admin, '/ready').status
        except OSError:
            return None

    def start(self):
        if not wait(lambda: self.ready() == 200, 20):
            raise RuntimeError('no sidecar: ' + self.log())
        self.master = int(open(self.dir + '/run/nginx.pid').read())
        return self

    def holding(self):
        """A connection whose request has come to the application."""
        s = connect(self.port)
        s.sendall(b'GET /hold HTTP/1.1\r\nHost: me\r\n\r\n')
        if not wait(lambda: [r for r in self.app.requests
                             if r.path == '/hold']):
            raise RuntimeError('the request did not come')
        return s

    def send(self, sig):
        self.process.send_signal(sig)
        return time.monotonic()

    def ended(self, timeout):
        return wait(lambda: self.process.poll() is not None, timeout)

    def log(self):
        return open(self.dir + '/log', errors='replace').read()

    def kill(self):
        for pid in children(self.process.pid) + [self.process.pid]:
            if self.process.poll() is None:
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def terminated():
    """SIGTERM while clients send requests and do not yet know better."""
    n = Launched('--drain', '8', '--grace', '20').start()

    with open('/proc/%d/smaps_rollup' % n.process.pid) as f:
        pss = [int(x.split()[1]) for x in f if x.startswith('Pss:')][0]
    tap.ok(pss < 1024, 'the supervisor takes %d kB' % pss)
    tap.ok(n.master in children(n.process.pid), 'nginx is its child')

    load = Load(n.port, clients=8, host='me', pause=0.002)
    load.more(100)
    idle = connect(n.port)
    idle.sendall(b'GET / HTTP/1.1\r\nHost: me\r\n\r\n')
    data = more = idle.recv(4096)
    while more and not data.endswith(b'\r\n\r\nme'):
        more = idle.recv(4096)
        data += more
    tap.ok(b' 200 ' in data, 'a connection that will be idle', data)

    begin = n.send(signal.SIGTERM)
    tap.ok(wait(lambda: n.ready() == 503, 6), '/ready turns 503')
    idle.settimeout(10 * SLOW)
    tap.same(idle.recv(4096), b'', 'idle connections are closed')
    before = load.connections
    tap.ok(load.more(200, 6), 'whoever comes is served')
    # but for those that the 8 clients had made when they were counted
    tap.ok(load.connections >= before + 200 - 8, 'each on a new connection',
           load.connections - before)
    held = n.holding()

    # as clients that have learned of it
    load.stop()
    took = time.monotonic() - begin
    tap.same(load.failures[:5], [], 'none of %d requests failed in %.1f s'
             % (load.done, took))
    tap.same(load.resets, 0, 'no connection was closed under a request')

    wait(lambda: 'shutting down' in n.log(), 20, 0.05)
    tap.ok(8 <= time.monotonic() - begin, 'it served for as long as told')
    n.hold.set()
    tap.ok(b' 200 ' in held.recv(4096), 'the last request is answered')
    tap.ok(n.ended(10), 'and it ends with it')
    tap.same(n.process.returncode, 0, 'with status 0')
    tap.ok('[alert]' not in n.log(), 'nothing bad is logged')


def bounds():
    n = Launched('--drain', '0', '--grace', '1').start()
    held = n.holding()
    begin = n.send(signal.SIGTERM)
    tap.ok(n.ended(10), 'a request that does not end is waited for in vain')
    took = time.monotonic() - begin
    tap.ok(0.9 <= took <= 5 * SLOW, 'for a second, and a bit: %.1f s' % took)
    tap.same(n.process.returncode, 0, 'status')
    held.close()

    n = Launched('--drain', '600').start()
    n.send(signal.SIGTERM)
    wait(lambda: n.ready() == 503)
    held = n.holding()
    begin = n.send(signal.SIGTERM)
    tap.ok(n.ended(10), 'a second SIGTERM ends it at once: %.1f s'
           % (time.monotonic() - begin))
    held.close()

    n = Launched('--drain', '600', '--grace', '600').start()
    held = n.holding()
    n.send(signal.SIGQUIT)
    tap.ok(wait(lambda: 'gracefully shutting down' in n.log()),
           'SIGQUIT does not drain')
    n.hold.set()
    tap.ok(b' 200 ' in held.recv(4096) and n.ended(5), 'it ends with the last'
           ' request')


def handed_on():
    n = Launched().start()
    old = children(n.master)
    n.send(signal.SIGHUP)
    tap.ok(wait(lambda: len(children(n.master)) == 2
                and not set(old) & set(children(n.master))), 'SIGHUP reloads',
           old, children(n.master), n.log())
    n.send(signal.SIGUSR1)
    tap.ok(wait(lambda: 'reopening logs' in n.log()), 'SIGUSR1 reopens logs')
    n.send(signal.SIGUSR2)
    tap.ok(wait(lambda: 'changing binary signal is ignored' in n.log()),
           'SIGUSR2 is refused by nginx, and says so')
    n.send(signal.SIGWINCH)
    tap.same(n.ready(), 200, 'it goes on')
    master, n.process.returncode = n.master, None

    n.send(signal.SIGQUIT)
    n.ended(10)
    tap.same(n.process.returncode, 0, 'SIGQUIT ends it with status 0')
    tap.ok(not alive(master), 'and nginx')

    busy = Backend('busy')
    n = Launched('--admin', '127.0.0.1:%d' % busy.port)
    tap.ok(n.ended(20), 'where nginx cannot start')
    tap.same(n.process.returncode, 1, 'its status is passed on')

    n = Launched(env={'MESH_SUPERVISE': 'off'}).start()
    tap.same(n.master, n.process.pid, 'MESH_SUPERVISE=off: nginx itself')
    n.send(signal.SIGTERM)
    tap.ok(n.ended(5), 'which ends at once')


def orphan():
    if subprocess.run(['sh', '-c', 'setpriv --pdeathsig QUIT true'],
                      stderr=subprocess.DEVNULL).returncode != 0:
        tap.skip('nginx ends with a supervisor that is killed',
                 'no setpriv here that can do it')
        return

    n = Launched().start()
    held = n.holding()
    n.send(signal.SIGKILL)
    n.process.wait()
    n.hold.set()
    tap.ok(b' 200 ' in held.recv(4096), 'its supervisor was killed: requests'
           ' are answered')
    tap.ok(wait(lambda: not alive(n.master)), 'and nginx ends')


def file():
    n = Sidecar(document(1, {'a': [Backend('a').port]}), workers=2,
                mesh='drain_file drained;').start()
    n.at('1')
    open(n.path('drained'), 'w').close()
    tap.ok(wait(lambda: n.page('/ready').status == 503), 'drain_file drains')
    tap.same(n.get().header('Connection'), 'close', 'and says so to clients')
    time.sleep(1.2)                     # it is still there when looked at again
    tap.same(len(n.lines('draining, clients are told to go')), 1,
             'which is logged once')
    os.unlink(n.path('drained'))
    n.reload()
    tap.ok(wait(lambda: n.page('/ready').status == 200),
           'a reload without it ends that')

    n.mesh = 'drain_file a; drain_file b;'
    status, text = n.test()
    tap.ok(status == 1 and '"drain_file" directive is duplicate in' in text,
           'not twice', text)


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

    # for longer where the machine is busy with something else
    enough = 0.7 * RATE * SECONDS / SLOW
    while replaced < 3 or time.monotonic() - begin < SECONDS \
            or load.total <= enough and time.monotonic() - begin < 5 * SECONDS:
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
    tap.ok(load.total > enough, 'as many as meant', load.total)
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


tap.run(terminated, bounds, handed_on, orphan, file, rolling, kills)
