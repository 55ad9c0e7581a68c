"""Requests a second with the proxy's core full, interleaved over rounds."""

import load
import shapes
import system
import proxies

SECTION = 'rate'
TITLE = 'Throughput'

# what makes sense where: plain nginx has no short way to say weights that
# change, but it has locations, maps and split_clients
CONTESTANTS = {
    'one': ('nginx-stock', 'nginx', 'mesh', 'haproxy', 'envoy'),
    'split': ('nginx', 'mesh', 'haproxy', 'envoy'),
    'many': ('nginx', 'mesh', 'haproxy', 'envoy'),
    'headers': ('nginx', 'mesh', 'haproxy', 'envoy'),
    'regex': ('nginx', 'mesh', 'haproxy', 'envoy'),
}


def items():
    yield 'direct', 'direct'
    for shape, names in CONTESTANTS.items():
        for name in names:
            yield shape, name


def sample(proxy, bench):
    """One round of one contestant."""

    cores = bench.cores
    process = getattr(proxy, 'process', None)
    load.wrk(proxy, bench.warmup, cores.load)

    # the worker is there by now, and so are all its connections
    pids = process.pids() if process else []
    use = system.CoreUse()
    before = system.cpu_seconds(pids)
    out = load.wrk(proxy, bench.seconds, cores.load)
    spent = system.cpu_seconds(pids) - before
    use = use.stop()

    out['cpu_us'] = out['proxy_share'] = None
    if pids:
        out['cpu_us'] = spent / out['requests'] * 1e6
        out['proxy_share'] = 100 * spent * out['rps'] / out['requests']
        out.update(system.memory_kb(pids))
    out['proxy_core'], out['proxy_steal'] = use[cores.proxy]
    out['load_core'], out['load_steal'] = use[cores.load]

    if out['errors']:
        bench.warn('%s: %d errors' % (proxy.name, out['errors']))
    return out


def run(bench, results):
    wanted = [i for i in items() if bench.wants(SECTION, *i)]
    for n in range(bench.rounds):
        for shape, name in wanted:
            cls = proxies.PROXIES[name]
            if not bench.available(cls):
                continue
            bench.progress(SECTION, n, shape, name)
            make = shapes.SHAPES['one' if shape == 'direct' else shape]
            with bench.attempt(SECTION, shape, name), \
                    cls(make(bench.backend.ports), bench.cores.proxy) as proxy:
                results.setdefault(shape, {}).setdefault(name, []) \
                    .append(sample(proxy, bench))
