"""Load generators, on the other core: wrk as fast as it goes, h2load at a
constant rate or for a fixed number of requests."""

import os
import re
import subprocess

import proxies

CONNECTIONS = 64


def _run(argv, core):
    p = subprocess.run(argv, capture_output=True, text=True,
                       preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if p.returncode != 0:
        raise RuntimeError('%s: %s' % (argv[0], p.stderr or p.stdout))
    return p.stdout


def _headers(shape):
    out = []
    for item in shape.headers.items():
        out += ['-H', '%s: %s' % item]
    return out


def _microseconds(text):
    number, unit = re.fullmatch(r'([\d.]+)(us|ms|s|m)', text).groups()
    return float(number) * {'us': 1, 'ms': 1e3, 's': 1e6, 'm': 6e7}[unit]


class Client:
    """A load generator in the background; it does not outlive its "with"."""

    def __init__(self, argv, core):
        self.popen = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.stdout.close()
        self.popen.wait()


class Wrk(Client):
    """A closed loop."""

    def __init__(self, proxy, seconds, core, connections=CONNECTIONS):
        shape = proxy.shape
        super().__init__(
            [proxies.program('wrk'), '-t1', '-c%d' % connections,
             '-d%ds' % seconds, '--latency', '-H', 'Host: ' + shape.host]
            + _headers(shape)
            + ['http://127.0.0.1:%d%s' % (proxy.port, shape.path)], core)

    def wait(self):
        """requests, rps, p50_us, p99_us, errors"""

        text, _ = self.popen.communicate()
        if self.popen.returncode != 0:
            raise RuntimeError('wrk: ' + text)

        latency = dict(re.findall(r'^\s+(\d+)%\s+(\S+)$', text, re.M))
        errors = re.search(r'Non-2xx or 3xx responses: (\d+)', text)
        errors = int(errors.group(1)) if errors else 0
        errors += sum(map(int, re.findall(
            r'(?:connect|read|write|timeout) (\d+)', text)))

        return {'requests': int(re.search(r'(\d+) requests in',
                                          text).group(1)),
                'rps': float(re.search(r'Requests/sec:\s+([\d.]+)',
                                       text).group(1)),
                'p50_us': _microseconds(latency['50']),
                'p99_us': _microseconds(latency['99']),
                'errors': errors}


def wrk(proxy, seconds, core, connections=CONNECTIONS):
    """The same, to its end."""

    with Wrk(proxy, seconds, core, connections) as client:
        return client.wait()


def _h2load(proxy, *options):
    # for HTTP/1.1 it sends the host of the URI, whatever -H says
    shape = proxy.shape
    return ([proxies.program('h2load'), '--h1', '-t1',
             '--connect-to=127.0.0.1:%d' % proxy.port]
            + list(options) + _headers(shape)
            + ['http://%s%s' % (shape.host, shape.path)])


def requests(proxy, number, core, connections=8):
    """Exactly so many requests."""

    text = _run(_h2load(proxy, '-n%d' % number, '-c%d' % connections), core)
    done = re.search(r'status codes: (\d+) 2xx', text)
    if not done or int(done.group(1)) != number:
        raise RuntimeError('not all of %d requests succeeded:\n%s'
                           % (number, text))


class ConstantRate(Client):
    """"rate" requests a second over "connections", whatever the answers take.

    With many connections next to no request waits for the one before it, so
    that a proxy that stands still shows in as many latencies as requests
    were due meanwhile.  Connections are made at the same rate: they would all
    send at the same moment otherwise, for ever.
    """

    def __init__(self, proxy, rate, seconds, core, connections):
        self.log = os.path.join(proxy.dir, 'requests.log') \
            if os.path.isdir(proxy.dir) \
            else os.path.join(proxies.BUILD, 'requests.log')
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.seconds = seconds
        super().__init__(
            _h2load(proxy, '-n%d' % (rate * seconds), '-c%d' % connections,
                    '--rps=%g' % (rate / connections),
                    '-r%d' % max(1, rate // 1000), '--rate-period=1ms',
                    '--log-file=' + self.log), core)

    def wait(self):
        """[(start in s since the epoch, status, latency in us)]"""

        try:
            text, _ = self.popen.communicate(timeout=self.seconds + 60)
        except subprocess.TimeoutExpired:
            # it does not end when answers are missing
            raise RuntimeError('h2load does not end: are answers missing?')
        if self.popen.returncode != 0:
            raise RuntimeError('h2load: ' + text)
        with open(self.log) as f:
            rows = [tuple(map(int, line.split('\t')[:3])) for line in f]
        return [(start / 1e6, status, us) for start, status, us in rows]
