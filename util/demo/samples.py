"""What the clients saw, request by request, and what the statistics say."""

import collections
import math
import threading

# How far an observed split may be from the weights, in standard deviations of
# the binomial distribution: chance goes further once in 150,000 looks.
SIGMAS = 4.5

Sample = collections.namedtuple("Sample", "start end version error")


class Count:
    """Requests begun after a moment, by the version that answered."""

    def __init__(self, after):
        self.after = after
        self.versions = collections.Counter()
        self.failed = 0

    def add(self, sample):
        if sample.start < self.after:
            return
        if sample.error:
            self.failed += 1
        else:
            self.versions[sample.version] += 1

    @property
    def answered(self):
        return sum(self.versions.values())

    @property
    def total(self):
        return self.answered + self.failed

    def share(self, version):
        return self.versions[version] / (self.answered or 1)


class Samples:
    """Reads the lines of load.py as they come."""

    WINDOW = 5.0                # seconds

    def __init__(self, stream):
        self.lock = threading.Lock()
        self.recent = collections.deque()
        self.all = Count(0)
        self.counts = []
        self.errors = []
        self.thread = threading.Thread(target=self.read, args=(stream,),
                                       daemon=True)
        self.thread.start()

    def wait(self):
        """Until the clients have told all: they were asked to end."""
        self.thread.join(30)

    def read(self, stream):
        for line in stream:
            start, end, result = line.rstrip("\n").split(" ", 2)
            error = result[2:] if result.startswith("!") else None
            sample = Sample(float(start), float(end), result, error)
            with self.lock:
                self.add(sample)

    def add(self, sample):
        if sample.error and len(self.errors) < 20:
            self.errors.append(sample.error)
        self.all.add(sample)
        for count in self.counts:
            count.add(sample)
        self.recent.append(sample)
        while self.recent[0].end < sample.end - 2 * self.WINDOW:
            self.recent.popleft()

    def count(self, after):
        """A count of the requests begun after a moment; no earlier than some
        seconds ago, as older samples are forgotten."""
        with self.lock:
            count = Count(after)
            for sample in self.recent:
                count.add(sample)
            self.counts.append(count)
            return count

    def end(self, count):
        with self.lock:
            self.counts.remove(count)

    def window(self, now):
        """(Count, requests a second, p50, p99 in seconds) of the last time."""
        with self.lock:
            last = [s for s in self.recent if s.end >= now - self.WINDOW]
        count = Count(0)
        for sample in last:
            count.add(sample)
        times = sorted(s.end - s.start for s in last) or [0.0]
        seconds = min(self.WINDOW, now - last[0].end) if last else self.WINDOW
        return (count, len(last) / max(seconds, 0.1),
                times[len(times) // 2], times[len(times) * 99 // 100])


def judge(count, weights):
    """What is wrong with a count, given {version: weight}: a list of texts;
    and by version (share, expected, allowed difference)."""
    wrong, figures = [], {}
    n, total = count.answered, sum(weights.values())

    if n < 500:
        wrong.append(f"only {n} requests answered, too few to judge")

    for version, weight in weights.items():
        p = weight / total
        k = count.versions[version]
        bound = SIGMAS * math.sqrt(p * (1 - p) / n) if n else 1.0
        figures[version] = (k / (n or 1), p, bound)
        if p in (0, 1):
            if k != n * p:
                wrong.append(f"{version} has weight {weight} of {total} and "
                             f"got {k} of {n} requests")
        elif abs(k / (n or 1) - p) > bound:
            wrong.append(f"{version} got {k / (n or 1):.2%} of {n} requests: "
                         f"more than {SIGMAS} sigma ({bound:.2%}) from {p:.0%}")

    if count.failed:
        wrong.append(f"{count.failed} of {count.total} requests failed")
    return wrong, figures
