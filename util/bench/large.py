"""A mesh of 10,000 nodes and 100,000 endpoints: loading it, and replacing it
while requests pass.

A few pauses of the machine make the p99 of ten seconds what they like.  So short
phases with swaps and without take turns, and what is compared is each phase with
swaps and the quiet one before it.  How much two quiet phases differ tells what
that is worth.
"""

import os
import time

import documents
import load
import proxies
import shapes
import stats
import system

SECTION = 'large'
TITLE = 'A large mesh'
NODES = 10000
ENDPOINTS = 10
RATE = 2000
CONNECTIONS = 200
EVERY = 2           # seconds between two documents
PHASE = 4           # seconds with swaps, or without

# how many services the client has as backends
VARIANTS = {'50': 50, 'all': NODES // 2}


class Documents:
    """The documents as files, ready to be renamed into place."""

    def __init__(self, bench, backends):
        self.paths = {}
        self.dir = os.path.join(proxies.BUILD, 'large')
        os.makedirs(self.dir, exist_ok=True)

        self._add('small', documents.large(20, 2, 'small',
                                           bench.backend.ports, 10))
        doc = documents.large(NODES, ENDPOINTS, 'a', bench.backend.ports,
                              backends)
        self._add('a', doc)

        # as a deployment leaves it: other weights, some endpoints gone
        doc['version'] = 'b'
        for route in doc['routes'][::7]:
            targets = route['spec']['httpRoute']['action']['weightedTargets']
            targets[0]['weight'], targets[1]['weight'] = 90, 10
        for node in list(doc['endpoints'])[::5]:
            doc['endpoints'][node].pop()
        self._add('b', doc)

    def _add(self, name, doc):
        self.paths[name] = os.path.join(self.dir, name + '.json')
        documents.write(self.paths[name], doc)

    def put(self, name, path):
        """Replaces a document in one step, with a time of its own."""

        os.utime(self.paths[name])
        fresh = path + '.new'
        os.link(self.paths[name], fresh)
        os.replace(fresh, path)


def wait_applied(proxy, version, every=0.005, timeout=60):
    """Seconds until the version is in force; asks "every" so many."""

    start = time.monotonic()
    while proxy.applied() != version:
        if time.monotonic() - start > timeout:
            raise RuntimeError('document "%s" was not applied in %d s'
                               % (version, timeout))
        time.sleep(every)
    return time.monotonic() - start


def start(bench, docs, name):
    proxy = proxies.Mesh(shapes.large(bench.backend.ports),
                         bench.cores.proxy, doc=docs.paths[name])
    proxy.zone = '512m'
    return proxy


def loading(bench, docs):
    """From the rename to in force, and from exec to ready."""

    out = []
    for n in range(bench.rounds):
        bench.progress(SECTION, n, 'load', 'mesh')
        began = time.monotonic()
        with start(bench, docs, 'a') as proxy:
            cold = time.monotonic() - began

        with start(bench, docs, 'small') as proxy:
            small = system.memory_kb(proxy.process.pids())
            pids = proxy.process.pids()
            cpu = system.cpu_seconds(pids)
            docs.put('a', proxy.path)
            seconds = wait_applied(proxy, 'a')
            system.wait_http(proxy.port, '/', proxy.shape.host)
            cpu = system.cpu_seconds(pids) - cpu
            time.sleep(1)
            big = system.memory_kb(proxy.process.pids())

        out.append({'cold_s': cold, 'applied_s': seconds, 'cpu_s': cpu,
                    'small_kb': small['pss'], 'large_kb': big['pss'],
                    'peak_kb': big['peak']})
    return out


def windows(rows, start, end):
    """p99 of each whole second."""

    out = []
    for second in range(int(end - start)):
        values = [us for at, _, us in rows
                  if start + second <= at < start + second + 1]
        if values:
            out.append(stats.quantile(values, .99))
    return out


def phase(rows, start, end, swaps):
    rows = [row for row in rows if start <= row[0] < end]
    values = [us for _, _, us in rows]
    return {'swaps': swaps, 'requests': len(values),
            'errors': sum(status != 200 for _, status, _ in rows),
            'p50_us': stats.quantile(values, .5),
            'p99_us': stats.quantile(values, .99),
            'p999_us': stats.quantile(values, .999),
            'max_us': max(values), 'windows_us': windows(rows, start, end)}


def swap(docs, proxy, name):
    """A phase with swaps; seconds that each took, and the last document."""

    start, applied = time.time(), []

    while len(applied) < PHASE // EVERY:
        name = 'b' if name == 'a' else 'a'
        docs.put(name, proxy.path)
        applied.append(wait_applied(proxy, name, 0.05))
        time.sleep(max(0, start + len(applied) * EVERY - time.time()))
    return applied, name


def alternate(bench, docs, proxy):
    """Phases as (start, end, swaps), and seconds that each swap took."""

    name, applied, phases = 'a', [], []

    time.sleep(1)       # connections are made
    for _ in range(bench.phases):
        start = time.time()
        time.sleep(PHASE)
        end = time.time()
        took, name = swap(docs, proxy, name)
        applied += took
        phases += [(start, end, 0), (end, time.time(), len(took))]
    return phases, applied


def swapping(bench, docs):
    """A constant rate; the document is replaced in every other phase."""

    bench.progress(SECTION, 0, 'swap', 'mesh')

    with start(bench, docs, 'a') as proxy:
        before = system.memory_kb(proxy.process.pids())
        # some more, as a document may take its time
        with load.ConstantRate(proxy, RATE, 2 * bench.phases * PHASE + 5,
                               bench.cores.load, CONNECTIONS) as client:
            phases, applied = alternate(bench, docs, proxy)
            rows = client.wait()
        after = system.memory_kb(proxy.process.pids())

    if max(rows)[0] < phases[-1][1]:
        raise RuntimeError('requests ended before the swaps did')
    return {'rate': RATE, 'applied_s': applied,
            'errors': sum(status != 200 for _, status, _ in rows),
            'phases': [phase(rows, *p) for p in phases],
            'before_kb': before['pss'], 'after_kb': after['pss'],
            'peak_kb': after['peak']}


def run(bench, results):
    for name, backends in VARIANTS.items():
        if not bench.wants(SECTION, name, 'mesh') \
                or not bench.available(proxies.Mesh):
            continue
        docs = Documents(bench, backends)
        with bench.attempt(SECTION, name, 'mesh'):
            results[name] = {
                'nodes': NODES, 'endpoints': NODES * ENDPOINTS,
                'backends': backends,
                'document_kb': os.path.getsize(docs.paths['a']) // 1024,
                'load': loading(bench, docs)}
            results[name]['swap'] = swapping(bench, docs)
        for path in docs.paths.values():
            os.unlink(path)
