"""Resident memory: of a sidecar of usual size, and what grows with the mesh.

Slopes are differences of two sizes, in the private memory of the worker that
stays after the document was read, and in what all processes share.
"""

import os
import time

import documents
import load
import proxies
import shapes
import system

SECTION = 'memory'
TITLE = 'Memory'
CONTESTANTS = ('nginx', 'mesh', 'haproxy', 'envoy')

# nodes, endpoints each, with services
SIZES = {'small': (1000, 1, False), 'nodes': (9000, 1, False),
         'endpoints': (9000, 9, False), 'services': (9000, 1, True)}


def sidecar(bench, results):
    """50 backends: before the first request and after some load."""

    for name in CONTESTANTS:
        cls = proxies.PROXIES[name]
        if not bench.wants(SECTION, 'backends', name) \
                or not bench.available(cls):
            continue
        bench.progress(SECTION, 0, 'backends', name)
        proxy = cls(shapes.backends(bench.backend.ports), bench.cores.proxy)
        if name == 'mesh':
            proxy.zone = None       # what a user gets who says nothing
        with bench.attempt(SECTION, 'backends', name), proxy:
            idle = system.memory_kb(proxy.process.pids())
            load.wrk(proxy, bench.seconds, bench.cores.load)
            loaded = system.memory_kb(proxy.process.pids())
            results.setdefault('backends', {})[name] = {'idle': idle,
                                                        'loaded': loaded}


def worker(process):
    """Memory of the worker alone: the one child of the master.

    Of a large document it is given back by and by, and the agent reads the file
    a second time at first: it is what it stays at.
    """

    pids = process.pids()
    now, before, since = None, None, time.monotonic()

    while time.monotonic() - since < 20:
        before, now = now, system.memory_kb(pids[1:] or pids)
        if before and abs(now['anon'] - before['anon']) < 64:
            break
        time.sleep(.5)
    return now


def slopes(bench, results):
    if not bench.wants(SECTION, 'slopes', 'mesh') \
            or not bench.available(proxies.Mesh):
        return

    sizes = {}
    path = os.path.join(proxies.BUILD, 'mesh.json')

    for size, (nodes, endpoints, services) in SIZES.items():
        bench.progress(SECTION, 0, size, 'mesh')
        documents.write(path, documents.large(
            nodes, endpoints, '1', bench.backend.ports, services=services))
        proxy = proxies.Mesh(shapes.large(bench.backend.ports),
                             bench.cores.proxy, doc=path)
        proxy.zone = '512m'
        with proxy:
            one = worker(proxy.process)
            every = system.memory_kb(proxy.process.pids())
            sizes[size] = {'worker': one['anon'], 'shared': every['shmem'],
                           'peak': one['peak'], 'nodes': nodes,
                           'endpoints': nodes * endpoints,
                           'document': os.path.getsize(path) // 1024}
        os.unlink(path)

    def slope(a, b, per, key):
        a, b = sizes[a], sizes[b]
        return (b[key] - a[key]) * 1024 / (b[per] - a[per])

    results['sizes'] = sizes
    for key in ('worker', 'shared'):
        endpoint = slope('nodes', 'endpoints', 'endpoints', key)
        # a node of these documents brings one endpoint with it
        cluster = slope('small', 'nodes', 'nodes', key) - endpoint
        backend = ((sizes['services'][key] - sizes['nodes'][key]) * 1024
                   / (sizes['services']['nodes'] // 2))
        results[key] = {'endpoint': endpoint, 'cluster': cluster,
                        'service': backend}


def run(bench, results):
    sidecar(bench, results)
    with bench.attempt(SECTION, 'slopes', 'mesh'):
        slopes(bench, results)
