"""Two proxies side by side, in the very same second.

What a request costs goes up and down by a fifth from second to second on a
virtual machine, so that two which are measured one after the other differ even
when they are equal.  Here both run at the same time on the proxy's core, each
with a load generator of its own, and are compared second by second: what
disturbs one of them disturbs the other as well.  The scheduler gives either of
them half of the core, so each serves about half of what it does alone.

Where a process lies in memory counts for a percent or two: hence a few starts
with a few samples each.
"""

import contextlib

import load
import stats
import system

SLICE = 1           # seconds
CONNECTIONS = 32    # of each
WARMUP = 3000       # requests
CONTROL = .015      # what two that are equal may differ by
FULL = 90           # percent of the core that both have together


def sample(bench, base, own, flip):
    """One second of both."""

    both = (own, base) if flip else (base, own)
    pids = {p: p.process.pids() for p in both}
    use = system.CoreUse()
    spent = {p: -system.cpu_seconds(pids[p]) for p in both}

    with contextlib.ExitStack() as stack:
        clients = {p: stack.enter_context(
            load.Wrk(p, SLICE, bench.cores.load, CONNECTIONS)) for p in both}
        got = {p: clients[p].wait() for p in both}

    for p in both:
        spent[p] += system.cpu_seconds(pids[p])
        if got[p]['errors']:
            bench.warn('%s: %d errors' % (p.title, got[p]['errors']))

    def told(p):
        n, rps = got[p]['requests'], got[p]['rps']
        return {'requests': n, 'rps': rps, 'cpu_us': spent[p] / n * 1e6,
                'share': 100 * spent[p] * rps / n}

    return {'base': told(base), 'own': told(own),
            'load_core': use.stop()[bench.cores.load][0]}


def start(bench, n, base, own, slices):
    """The samples of the n-th start; both proxies have ended after it."""

    both = (own, base) if n % 2 else (base, own)
    out = []

    with both[0], both[1]:
        for p in both:
            load.requests(p, WARMUP, bench.cores.load, 2 * CONNECTIONS)
        for i in range(1 if bench.quick else slices):
            out.append(dict(sample(bench, base, own, (n + i) % 2), start=n))
    return out


def ratio(samples, key):
    """(median, lower and upper quartile) of the quotients."""

    values = [s['own'][key] / s['base'][key] for s in samples]
    return stats.median(values), stats.quantile(values, .25), \
        stats.quantile(values, .75)


def middle(samples, who, key):
    return stats.median([s[who][key] for s in samples])


def share(samples):
    """What both had of the core, in percent."""

    return stats.median([s['base']['share'] + s['own']['share']
                         for s in samples])


def load_core(samples):
    return stats.median([s['load_core'] for s in samples])


def full(samples):
    """Whether the proxies were what could do no more."""

    return share(samples) >= FULL


def restless(samples):
    """Whether two that are equal differ, as others then do by chance too."""

    return any(abs(ratio(samples, key)[0] - 1) > CONTROL
               for key in ('rps', 'cpu_us'))
