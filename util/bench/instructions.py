"""Instructions per request, counted by callgrind.

A process without a master serves N requests, another one 2N; what the second
needs more is the cost of N requests, without that of start and end.  They come
over one connection: how many events come at once is chance otherwise, and what
malloc() has to do depends on it.  Only instructions of user space count; the
kernel's do not.  The output of the second stays in
build/bench/callgrind.SHAPE.PROXY, for callgrind_annotate.
"""

import os
import re
import signal

import load
import proxies
import shapes
import system

SECTION = 'instructions'
TITLE = 'Instructions per request'
SHAPES = ('one', 'split', 'many', 'headers', 'regex')
CONTESTANTS = ('nginx', 'mesh-bare', 'nginx-headers', 'mesh')


def total(cls, shape, requests, bench, keep=None, connections=1):
    out = os.path.join(proxies.BUILD, 'callgrind.out')
    if os.path.exists(out):
        os.unlink(out)

    proxy = cls(shape, bench.cores.proxy,
                [proxies.program('valgrind'), '--tool=callgrind',
                 '--callgrind-out-file=' + out])
    with proxy:
        load.requests(proxy, requests, bench.cores.load, connections)
        proxy.settle()
        proxy.process.stop(signal.SIGQUIT)

    with open(out) as f:
        m = re.search(r'^(?:summary|totals): (\d+)', f.read(), re.M)
    if keep:
        os.replace(out, keep)
    if not m:
        raise RuntimeError('callgrind wrote no total')
    return int(m.group(1))


def run(bench, results):
    try:
        proxies.program('valgrind')
    except system.Skip as skip:
        bench.warn('instructions: %s' % skip)
        return

    for shape in SHAPES:
        for name in CONTESTANTS:
            cls = proxies.PROXIES[name]
            if not bench.wants(SECTION, shape, name) \
                    or not bench.available(cls):
                continue
            bench.progress(SECTION, 0, shape, name)
            made = shapes.SHAPES[shape](bench.backend.ports)
            n = bench.callgrind_requests
            keep = os.path.join(proxies.BUILD, 'callgrind.%s.%s'
                                % (shape, name))
            with bench.attempt(SECTION, shape, name):
                short = total(cls, made, n, bench)
                long = total(cls, made, 2 * n, bench, keep)
                results.setdefault(shape, {})[name] = {
                    'instructions': (long - short) / n, 'requests': n}
