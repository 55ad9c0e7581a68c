"""What a connection pool is good for: an application at twice its capacity.

The application serves 8 requests at a time, 20 ms each, which is 400 a second;
the more it has at once, the slower it gets (each one beyond those costs all of
them 4 %, as threads, locks and garbage do).  Requests come at twice the
capacity, and a client waits for a second.  Counted is goodput: answers that
were in time.  Once without limits, once with maxConnections 8 and
maxPendingRequests 100.

The proxy is that of the end-to-end tests, on any core: it has next to nothing
to do.
"""

import asyncio
import os
import subprocess
import sys
import time

import proxies

SECTION = 'brownout'
TITLE = 'An application at twice its capacity'

PARALLEL = 8
SERVICE = 0.02
CAPACITY = PARALLEL / SERVICE
PENALTY = 0.04
PATIENCE = 1.0
POOL = {'maxConnections': PARALLEL, 'maxPendingRequests': 100}


class App:
    """Shares its capacity among all requests inside, and loses some of it."""

    def __init__(self):
        self.work = {}
        self.changed = None

    async def run(self, port):
        self.changed = asyncio.Event()
        asyncio.ensure_future(self.serve())
        server = await asyncio.start_server(self.client, '127.0.0.1', port,
                                            backlog=4096)
        async with server:
            await server.serve_forever()

    async def serve(self):
        """Processor sharing, in steps of 2 ms."""
        last = time.monotonic()
        while True:
            if not self.work:
                self.changed.clear()
                await self.changed.wait()
                last = time.monotonic()
            await asyncio.sleep(0.002)
            now = time.monotonic()
            n = len(self.work)
            excess = max(0, n - PARALLEL)
            speed = min(1, PARALLEL / max(n, 1)) / (1 + PENALTY * excess)
            for future in list(self.work):
                self.work[future] -= (now - last) * speed
                if self.work[future] <= 0:
                    del self.work[future]
                    if not future.done():
                        future.set_result(None)
            last = now

    async def client(self, reader, writer):
        try:
            while await reader.readuntil(b'\r\n\r\n'):
                future = asyncio.get_running_loop().create_future()
                self.work[future] = SERVICE
                self.changed.set()
                # a client that is gone is not noticed before the end
                await future
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def ask(port):
    """The status, and 0 if it did not come in time."""
    writer = None
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection('127.0.0.1', port)
            writer.write(b'GET / HTTP/1.1\r\nHost: app\r\n'
                         b'Connection: close\r\n\r\n')
            head = await reader.readuntil(b'\r\n\r\n')
            return int(head.split()[1])
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return 0
    finally:
        if writer:
            writer.close()


async def load(port, rate, seconds):
    loop = asyncio.get_running_loop()
    begin = loop.time()
    tasks = []
    while loop.time() - begin < seconds:
        due = int((loop.time() - begin) * rate)
        tasks += [asyncio.ensure_future(ask(port))
                  for _ in range(due - len(tasks))]
        await asyncio.sleep(0.002)
    return await asyncio.gather(*tasks)


def tests():
    """The library of the end-to-end tests."""

    sys.path.insert(0, os.path.join(proxies.ROOT, 't', 'lib'))
    os.environ['TEST_NGINX_LOAD_MODULES'] = proxies.MODULE
    os.environ['MESH_NGINX'] = proxies.program('nginx')
    import mesh_test
    return mesh_test


def sidecar(lib, app, port, pool):
    listener = {'portMapping': {'port': app, 'protocol': 'http'}}
    if pool:
        listener['connectionPool'] = {'http': pool}
    doc = lib.document(1, {'other': [lib.free_port()]})
    doc['virtualNodes'].append({'virtualNodeName': 'me', 'spec': {
        'listeners': [listener],
        'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}})
    lib.Sidecar(doc, resource='virtualNode/me', workers=2, level='error',
                http='server { listen 127.0.0.1:%d; '
                     'location / { mesh_pass ingress; } }' % port).start()


def measure(lib, pool, factor, seconds):
    app, port = lib.free_port(), lib.free_port()
    child = subprocess.Popen([sys.executable, __file__, '--app', str(app)])
    try:
        lib.wait(lambda: listens(lib, app))
        sidecar(lib, app, port, pool)
        asyncio.run(load(port, CAPACITY / 2, 1))
        answers = asyncio.run(load(port, CAPACITY * factor, seconds))
    finally:
        child.kill()
        child.wait()
        lib.cleanup()

    good, refused = answers.count(200), answers.count(503)
    return {'factor': factor, 'offered': CAPACITY * factor,
            'capacity': CAPACITY, 'good': good / seconds,
            'refused': refused / seconds,
            'late': (len(answers) - good - refused) / seconds}


def listens(lib, port):
    try:
        lib.connect(port).close()
    except OSError:
        return False
    return True


def run(bench, results):
    if not bench.available(proxies.Mesh):
        return

    lib = tests()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    try:
        for name, pool in (('without limits', None), ('with limits', POOL)):
            for factor in (0.8, 2):
                if not bench.wants(SECTION, name, 'mesh'):
                    continue
                bench.progress(SECTION, 0, name, '%g×' % factor)
                with bench.attempt(SECTION, name):
                    results.setdefault(name, []).append(
                        measure(lib, pool, factor, 2 * bench.seconds))
    finally:
        os.sched_setaffinity(0, cores)


if __name__ == '__main__':
    asyncio.run(App().run(int(sys.argv[2])))
