"""Readers of what the proxy tells of itself, written from the formats' own
descriptions: Envoy's text page, Prometheus 0.0.4, DogStatsD, CloudWatch's
embedded metric format.  What is malformed raises ValueError.
"""

import json
import queue
import re
import socket
import threading

from mesh_test import ROOT, at_end, receive_buffer

try:
    import jsonschema
except ImportError:
    jsonschema = None


def text(page):
    """/stats: {name: number}, and {name: {quantile: number}} of histograms"""
    numbers, histograms = {}, {}
    for line in page.splitlines():
        name, sep, value = line.rpartition(': ')
        m = re.fullmatch(r'(\S+): ((?:P[\d.]+\(nan,[\d.]+\) ?)+)', line)
        if line.endswith(': No recorded values'):
            histograms[line.rpartition(': ')[0]] = {}
        elif m:
            histograms[m.group(1)] = {
                float(q): float(v) for q, v in
                re.findall(r'P([\d.]+)\(nan,([\d.]+)\)', m.group(2))}
        elif sep and re.fullmatch(r'\d+', value):
            if name in numbers:
                raise ValueError('twice: ' + line)
            numbers[name] = int(value)
        else:
            raise ValueError(line)
    return numbers, histograms


class Sample:
    def __init__(self, name, labels, value):
        self.name, self.labels, self.value = name, labels, value


_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')


def labels(source):
    found, at = {}, 0
    while at < len(source):
        m = _LABEL.match(source, at)
        if not m or m.group(1) in found:
            raise ValueError(source)
        found[m.group(1)] = re.sub(
            r'\\(.)', lambda x: '\n' if x.group(1) == 'n' else x.group(1),
            m.group(2))
        at = m.end()
    return found


def prometheus(page):
    """[Sample], {metric: type}, with the rules of the format checked"""
    samples, types, helps, seen, ended = [], {}, set(), set(), set()
    current = None

    if page and not page.endswith('\n'):
        raise ValueError('the last line does not end')

    for line in page.splitlines():
        m = re.fullmatch(r'# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)', line)
        if m:
            kind, name, rest = m.groups()
            if kind == 'HELP':
                if name in helps:
                    raise ValueError('again: ' + line)
                helps.add(name)
                ended.add(current)
                current = name
            elif name in types or rest not in ('counter', 'gauge',
                                               'histogram'):
                raise ValueError(line)
            else:
                types[name] = rest
            continue

        m = re.fullmatch(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)', line)
        if not m:
            raise ValueError(line)
        name, inside, value = m.groups()
        base = name
        if types.get(current) == 'histogram':
            base = re.sub(r'_(bucket|sum|count)$', '', name)
        if base != current or current in ended:
            raise ValueError('not with its metric: ' + line)
        key = (name, inside)
        if key in seen:
            raise ValueError('twice: ' + line)
        seen.add(key)
        samples.append(Sample(name, labels(inside or ''), float(value)))

    check_histograms(samples, types)
    return samples, types


def check_histograms(samples, types):
    series = {}
    for s in samples:
        m = re.fullmatch(r'(.*)_(bucket|sum|count)', s.name)
        if m and types.get(m.group(1)) == 'histogram':
            rest = tuple(sorted((k, v) for k, v in s.labels.items()
                                if k != 'le'))
            one = series.setdefault((m.group(1), rest), {'bucket': []})
            if m.group(2) == 'bucket':
                one['bucket'].append((float(s.labels['le']), s.value))
            else:
                one[m.group(2)] = s.value

    for key, one in series.items():
        bounds = [b for b, _ in one['bucket']]
        counts = [n for _, n in one['bucket']]
        if bounds != sorted(bounds) or counts != sorted(counts) \
                or bounds[-1] != float('inf') or counts[-1] != one['count'] \
                or 'sum' not in one:
            raise ValueError('histogram %r' % (key,))


def find(samples, name, **want):
    """The sum of all samples with these labels, None if there are none."""
    found = [s.value for s in samples if s.name == name
             and all(s.labels.get(k) == v for k, v in want.items())]
    return sum(found) if found else None


# DogStatsD

class Metric:
    def __init__(self, line):
        m = re.fullmatch(r'([^:|@#\s]+):([0-9.]+)\|(c|g|ms|h)'
                         r'(?:\|@([0-9.]+))?(?:\|#([^|#\n]*))?', line)
        if not m:
            raise ValueError(line)
        self.name, value, self.type, rate, tags = m.groups()
        self.value = float(value)
        # as agents do it: the inverse, cut
        self.times = int(1 / float(rate)) if rate else 1
        self.tags = {}
        for tag in (tags or '').split(','):
            if tag:
                key, sep, v = tag.partition(':')
                if not sep or key in self.tags:
                    raise ValueError(line)
                self.tags[key] = v


class StatsD:
    """An agent; totals of counters, the last of gauges, all of timings."""

    def __init__(self, path=None):
        self.path = path
        self.lock = threading.Lock()
        self.datagrams = []
        self.metrics = []
        self.bad = []
        if path:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(path)
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receive_buffer(self.socket)
            self.socket.bind(('127.0.0.1', 0))
            self.port = self.socket.getsockname()[1]
        at_end(self.socket.close)
        self.arrived = queue.SimpleQueue()
        for part in self.serve, self.read:
            threading.Thread(target=part, daemon=True).start()

    def serve(self):
        """Nothing but this, or bursts of datagrams are lost."""
        data = True
        while data:
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = None
            self.arrived.put(data)

    def read(self):
        while True:
            data = self.arrived.get()
            if not data:
                return
            with self.lock:
                self.datagrams.append(len(data))
                for line in data.decode().splitlines():
                    try:
                        self.metrics.append(Metric(line))
                    except ValueError as e:
                        self.bad.append(str(e))

    def close(self):
        """Nobody is there any more."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def select(self, name, **tags):
        with self.lock:
            return [m for m in self.metrics if m.name == name
                    and all(m.tags.get(k.replace('__', '.')) == v
                            for k, v in tags.items())]

    def total(self, name, **tags):
        return sum(m.value for m in self.select(name, **tags))

    def count(self, name, **tags):
        return sum(m.times for m in self.select(name, **tags))


# CloudWatch

_schema = None


def emf_schema():
    """A validator of t/data/emf.json; None without python3-jsonschema."""
    global _schema
    if jsonschema and not _schema:
        with open(ROOT + '/t/data/emf.json', encoding='utf-8') as f:
            schema = json.load(f)
        jsonschema.Draft7Validator.check_schema(schema)
        _schema = jsonschema.Draft7Validator(schema)
    return _schema


def emf(line):
    """A document, checked against the schema, and against what a schema cannot
    say: the targets of metrics and dimensions, and sizes."""
    if len(line.encode()) > 256 * 1024 or '\n' in line.rstrip('\n'):
        raise ValueError('too long, or more than a line')

    doc = json.loads(line, object_pairs_hook=once)
    if emf_schema():
        for error in emf_schema().iter_errors(doc):
            raise ValueError('%s: %s' % (list(error.absolute_path),
                                         error.message))

    for directive in doc['_aws']['CloudWatchMetrics']:
        for names in directive['Dimensions']:
            for name in names:
                if not isinstance(doc[name], str):
                    raise ValueError('dimension ' + name)

        for metric in directive['Metrics']:
            value = doc[metric['Name']]
            if isinstance(value, str):
                raise ValueError('metric ' + metric['Name'])
            if isinstance(value, dict) and (
                    len(value['Values']) != len(value['Counts'])
                    or sum(value['Counts']) != value['Count']
                    or min(value['Values']) != value['Min']
                    or max(value['Values']) != value['Max']
                    or len(set(value['Values'])) != len(value['Values'])):
                raise ValueError(line)

    return doc


def once(pairs):
    """No member twice, which the format forbids and parsers let pass."""
    if len({k for k, _ in pairs}) != len(pairs):
        raise ValueError('a member twice: %r' % (pairs,))
    return dict(pairs)


def emf_metrics(docs):
    """{(namespace, dimensions, metric)}: what CloudWatch asks money for."""
    found = set()
    for doc in docs:
        for directive in doc['_aws']['CloudWatchMetrics']:
            for names in directive['Dimensions']:
                for metric in directive['Metrics']:
                    found.add((directive['Namespace'], tuple(sorted(
                        (name, doc[name]) for name in names)),
                        metric['Name']))
    return found


def emf_total(docs, name, **want):
    """The sum of a metric; of a distribution, how many values."""
    total = 0
    for doc in docs:
        if name in doc and all(doc.get(k) == v for k, v in want.items()):
            value = doc[name]
            total += value['Count'] if isinstance(value, dict) else value
    return total
