"""A mesh of fifty times what App Mesh allows: created, listed, and served to
ten thousand proxies."""

import json
import os
import time

import control_client as client
import stats
import system

PART = 'scale'
NODES = SERVICES = ROUTERS = 10000
ROUTES = 5                  # of a router
BACKENDS = 5                # of most nodes
MANY = 50                   # of a hundredth of them: App Mesh's own quota
CONNECTIONS = 64


class Size:
    def __init__(self, nodes):
        self.nodes = nodes

    def requests(self):
        """Creates in the order that references want."""
        n = self.nodes
        for i in range(n):
            backends = ['s%d.bench.local' % ((i * 7 + j) % n)
                        for j in range(min(n, self.backends(i)))]
            yield 'nodes', client.create('bench', 'Node', 'n%d' % i,
                                         client.node_spec(backends))
        for i in range(n):
            yield 'routers', client.create('bench', 'Router', 'r%d' % i,
                                           client.router_spec())
        for i in range(n):
            for j in range(ROUTES):
                targets = {'n%d' % ((i + j) % n): 90,
                           'n%d' % ((i + j + 1) % n): 10}
                prefix = '/' if j == 0 else '/part-%d/' % j
                yield 'routes', client.create(
                    'bench', 'Route', 'route-%d' % j,
                    client.route_spec(targets, prefix), 'r%d' % i)
        for i in range(n):
            yield 'services', client.create(
                'bench', 'Service', 's%d.bench.local' % i,
                client.service_spec('r%d' % i))

    def backends(self, i):
        return MANY if i % 100 == 0 else BACKENDS


def build(plane, size):
    """{kind: creates a second}, in the order they are made."""
    kinds = {}
    for kind, data in size.requests():
        kinds.setdefault(kind, []).append(data)
    out = {}
    c = plane.client(CONNECTIONS)
    try:
        for kind, requests in kinds.items():
            latencies, seconds = c.all(requests)
            out[kind] = {'n': len(latencies), 'seconds': seconds,
                         'p99_ms': 1e3 * stats.quantile(latencies, .99)}
    finally:
        c.close()
    return out


def listing(plane, size):
    """All nodes, page by page."""
    c = plane.client()
    pages, found, token = [], 0, None
    while True:
        path = client.API + '/bench/virtualNodes?limit=100'
        if token:
            path += '&nextToken=' + token
        begin = time.monotonic()
        answer = json.loads(c.get(path)[2])
        pages.append(time.monotonic() - begin)
        found += len(answer['virtualNodes'])
        token = answer.get('nextToken')
        if not token:
            break
    c.close()
    if found != size.nodes:
        raise RuntimeError('listed %d of %d nodes' % (found, size.nodes))
    return {'pages': len(pages), 'seconds': sum(pages),
            'p99_ms': 1e3 * stats.quantile(pages, .99)}


def documents(plane, size, backends, number):
    """Of nodes that nobody asked for before."""
    c = plane.client()
    times, length = [], 0
    which = [i for i in range(size.nodes) if size.backends(i) == backends]
    for i in which[:number]:
        begin = time.monotonic()
        _, _, body = c.get('/mesh/v1/meshes/bench/virtualNodes/n%d/document'
                           % i)
        times.append(time.monotonic() - begin)
        length = max(length, len(body))
    c.close()
    return {'n': len(times), 'backends': backends, 'bytes': length,
            'p50_ms': 1e3 * stats.quantile(times, .5),
            'p99_ms': 1e3 * stats.quantile(times, .99),
            'max_ms': 1e3 * max(times)}


def idle(plane, size):
    """Memory of proxies that wait, each for a document of its own."""
    before = plane.memory()
    begin = time.monotonic()
    watchers = client.Watchers(plane.port, [('bench', 'n%d' % i)
                                            for i in range(size.nodes)])
    try:
        watchers.wait()
        seconds = time.monotonic() - begin
        time.sleep(1)
        after = plane.memory()
        busy = system.cpu_seconds(plane.process.pids())
        time.sleep(3)
        busy = system.cpu_seconds(plane.process.pids()) - busy
    finally:
        watchers.close()
    return {'n': size.nodes, 'seconds': seconds, 'before': before,
            'after': after, 'idle_cpu': busy / 3,
            'bytes': (after['pss'] - before['pss']) * 1024 / size.nodes}


def run(bench, make, _, results):
    size = Size(200 if bench.quick else NODES)
    out = results['scale'] = {'nodes': size.nodes, 'routes': ROUTES}

    with make(bench) as plane:
        client.new_mesh(plane, 'bench')
        before = plane.memory(), plane.disk_kb()
        out['create'] = build(plane, size)
        after = plane.memory(), plane.disk_kb()
        out['resources'] = sum(r['n'] for r in out['create'].values())
        out['before'], out['after'] = before, after

        out['list'] = listing(plane, size)
        out['document'] = documents(plane, size, BACKENDS, 1000)
        out['document_many'] = documents(plane, size, MANY, 100)
        out['idle'] = idle(plane, size)

        # a restart with all of it
        plane.process.stop()
        begin = time.monotonic()
        plane.start()
        out['restart_s'] = time.monotonic() - begin
        out['file_kb'] = os.path.getsize(
            os.path.join(plane.data, 'store.db')) // 1024
