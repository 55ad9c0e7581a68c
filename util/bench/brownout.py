#!/usr/bin/env python3
"""What a connection pool is good for: an application at twice its capacity.

The application serves 8 requests at a time, 20 ms each, which is 400 a second;
the more it has at once, the slower it gets (each one beyond those costs all of
them 4 %, as threads, locks and garbage do).  Requests come at twice the
capacity, and a client waits for a second.  Counted is goodput: answers that
were in time.  Once without limits, once with maxConnections 8 and
maxPendingRequests 100.

    util/bench/brownout.py [SECONDS]
"""

import asyncio
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 't', 'lib'))
os.environ.setdefault('TEST_NGINX_LOAD_MODULES', os.path.join(
    ROOT, 'build', os.environ.get('BUILD', 'debian'),
    'ngx_http_mesh_module.so'))
os.environ.setdefault('MESH_NGINX', '/usr/sbin/nginx')

from mesh_test import Sidecar, cleanup, document, free_port     # noqa: E402

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


def sidecar(app, port, pool):
    listener = {'portMapping': {'port': app, 'protocol': 'http'}}
    if pool:
        listener['connectionPool'] = {'http': pool}
    doc = document(1, {'other': [free_port()]})
    doc['virtualNodes'].append({'virtualNodeName': 'me', 'spec': {
        'listeners': [listener],
        'serviceDiscovery': {'dns': {'hostname': 'me.local'}}}})
    return Sidecar(doc, resource='virtualNode/me', workers=2, level='error',
                   http='server { listen 127.0.0.1:%d; '
                        'location / { mesh_pass ingress; } }' % port).start()


def measure(pool, factor, seconds):
    app, port = free_port(), free_port()
    child = subprocess.Popen([sys.executable, __file__, '--app', str(app)])
    try:
        time.sleep(0.5)
        sidecar(app, port, pool)
        asyncio.run(load(port, CAPACITY / 2, 1))
        answers = asyncio.run(load(port, CAPACITY * factor, seconds))
    finally:
        child.kill()
        child.wait()
        cleanup()

    good = answers.count(200) / seconds
    print('%-22s %4.0f/s offered: goodput %4.0f/s, %3.0f %% of capacity; '
          '%4.0f/s refused, %4.0f/s too late'
          % ('with limits' if pool else 'without limits', CAPACITY * factor,
             good, 100 * good / CAPACITY, answers.count(503) / seconds,
             (len(answers) - answers.count(200) - answers.count(503))
             / seconds))


def main():
    if sys.argv[1:2] == ['--app']:
        asyncio.run(App().run(int(sys.argv[2])))
        return
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    for pool in (None, POOL):
        for factor in (0.8, 2):
            measure(pool, factor, seconds)


if __name__ == '__main__':
    main()
