"""What the sidecar costs beside what it is compared with, in pairs that are
measured at the same time (pairs.py).  Targets for requests a second are judged
here.
"""

from dataclasses import dataclass

import pairs
import proxies
import shapes

SECTION = 'abreast'
TITLE = 'Side by side'


@dataclass
class Comparison:
    own: tuple                  # proxy, shape
    base: tuple
    target: str = None          # what is judged: not more than 5 % fewer
    slices: int = 3             # of one start


PLAIN = (proxies.Nginx, 'one')
EXACT = 5                       # slices where there is a verdict

COMPARISONS = {
    'same': Comparison(PLAIN, PLAIN, slices=EXACT),
    'split-bare': Comparison(
        (proxies.BareMesh, 'split'), PLAIN,
        'weight split against plain nginx', EXACT),
    'split': Comparison(
        (proxies.Mesh, 'split'), PLAIN,
        'weight split and Envoy\'s headers against nginx without these',
        EXACT),
    'egress': Comparison(
        (proxies.Mesh, 'resilient'), PLAIN,
        'egress with resilience configured, against nginx', EXACT),
    'ingress': Comparison(
        (proxies.Ingress, 'resilient'), PLAIN,
        'ingress with resilience configured, against nginx', EXACT),
    'split-split': Comparison((proxies.Mesh, 'split'),
                              (proxies.Nginx, 'split')),
    'headers': Comparison((proxies.Mesh, 'one'),
                          (proxies.HeadersNginx, 'one')),
    'haproxy': Comparison((proxies.Mesh, 'one'), (proxies.HAProxy, 'one')),
    'envoy': Comparison((proxies.Mesh, 'one'), (proxies.Envoy, 'one')),
}


def run(bench, results):
    def make(what):
        cls, shape = what
        return cls(shapes.SHAPES[shape](bench.backend.ports),
                   bench.cores.proxy)

    wanted = {name: c for name, c in COMPARISONS.items()
              if bench.wants(SECTION, name, c.own[0].name)
              and bench.available(c.own[0]) and bench.available(c.base[0])}

    for n in range(bench.rounds):
        for name, c in wanted.items():
            bench.progress(SECTION, n, name)
            with bench.attempt(SECTION, name):
                results.setdefault(name, []).extend(
                    pairs.start(bench, n, make(c.base), make(c.own),
                                c.slices))
