"""The control plane: calls a second, memory, how soon a change is in force, and
a mesh of fifty times App Mesh's quotas.

Its processes have the proxy's core, clients and sidecars the other one.
"""

import contextlib
import json
import os
import shutil
import signal
import time

import control_api
import control_change
import control_client
import control_scale
import proxies
import system

SECTION = 'control'
TITLE = 'The control plane'
PARTS = (control_api, control_change, control_scale)

CONNECTIONS = 12000


class ControlPlane:
    """util/mesh control-plane over a new store."""

    name = 'control-plane'

    def __init__(self, bench, keys=False, workers=1):
        self.bench = bench
        self.keys = keys
        self.workers = workers
        self.port = system.free_port()
        self.dir = os.path.join(proxies.BUILD, 'run', 'control-%d' % self.port)
        self.data = os.path.join(self.dir, 'data')
        self.process = None

    def __enter__(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        try:
            self.start()
        except Exception:
            self.__exit__()
            raise
        return self

    def start(self):
        argv = proxies.launcher() + [
                'control-plane', '--supervise', 'off',
                '--listen', '127.0.0.1:%d' % self.port, '--data', self.data,
                '--run-dir', os.path.join(self.dir, 'run'),
                '--workers', str(self.workers), '--access-log', 'off',
                '--connections', str(CONNECTIONS)]
        if self.keys:
            path = os.path.join(self.dir, 'keys')
            with open(path, 'w') as f:
                f.write('%s %s admin\n' % (control_client.KEY,
                                           control_client.SECRET))
            os.chmod(path, 0o644)
            argv += ['--keys', path]
        self.process = system.Process(
            argv, self.bench.cores.proxy, os.path.join(self.dir, 'log'))
        system.wait_http(self.port, '/ready', process=self.process)

    def __exit__(self, *_):
        if self.process:
            self.process.stop(signal.SIGTERM)
        shutil.rmtree(self.data, ignore_errors=True)

    def client(self, connections=1):
        return control_client.Client(self.port, connections)

    def memory(self):
        """kB: PSS of all processes, the largest worker's own memory"""
        memory = system.memory_kb(self.process.pids())
        own = [system.memory_kb([pid]) for pid in self.process.pids()[1:]]
        return {'pss': memory['pss'], 'rss': memory['rss'],
                'anon': max((m['anon'] for m in own), default=0)}

    def disk_kb(self):
        return sum(os.path.getsize(os.path.join(self.data, name))
                   for name in os.listdir(self.data)) // 1024


class Sidecar:
    """util/mesh sidecar of a virtual node, fed by a control plane."""

    def __init__(self, bench, plane, resource, n):
        self.port = system.free_port()
        self.dir = os.path.join(plane.dir, 'sidecar-%d' % n)
        self.process = system.Process(proxies.launcher() + [
            'sidecar', '--supervise', 'off', '--resource', resource,
            '--control-plane', 'http://127.0.0.1:%d' % plane.port,
            '--egress', '127.0.0.1:%d' % system.free_port(),
            '--ingress', 'off', '--admin', '127.0.0.1:%d' % self.port,
            '--run-dir', self.dir, '--state', self.dir + '-state',
            '--workers', '1', '--access-log', 'off'],
            bench.cores.load, self.dir + '.log')
        self.client = None

    def ready(self):
        system.wait_http(self.port, '/ready', process=self.process)
        self.client = control_client.Client(self.port, 1)

    def version(self):
        _, _, body = self.client.get('/server_info')
        return json.loads(body)['config'].get('version')

    def stop(self):
        if self.client:
            self.client.close()
        self.process.stop()


@contextlib.contextmanager
def sidecars(bench, plane, resource, number):
    all_ = []
    try:
        for n in range(number):
            all_.append(Sidecar(bench, plane, resource, n))
        for sidecar in all_:
            sidecar.ready()
        yield all_
    finally:
        for sidecar in all_:
            sidecar.stop()


def fsyncs(bench, directory):
    """fdatasync()s a second of a file that grows by 4 kB each, as SQLite's log
    does: the bound of what a store can do one by one."""
    path = os.path.join(directory, 'fdatasync')
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    n, end = 0, time.monotonic() + min(2, bench.seconds)
    begin = time.monotonic()
    try:
        while time.monotonic() < end:
            os.write(fd, b'x' * 4096)
            os.fdatasync(fd)
            n += 1
        return n / (time.monotonic() - begin)
    finally:
        os.close(fd)
        os.unlink(path)


def run(bench, results):
    if not bench.available(proxies.Mesh):
        return
    os.makedirs(os.path.join(proxies.BUILD, 'run'), exist_ok=True)
    results['fdatasync'] = fsyncs(bench, proxies.BUILD)
    for part in PARTS:
        if bench.wants(SECTION, part.PART, 'mesh'):
            bench.progress(SECTION, 0, part.PART)
            with bench.attempt(SECTION, part.PART):
                part.run(bench, ControlPlane, sidecars, results)
