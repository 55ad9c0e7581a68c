#!/usr/bin/env python3
#
# The benchmark's pairs, in their short form: that both proxies are measured,
# that each variant does what it is measured for, that a target that is missed
# is said to be, as is a machine that was not quiet, and that nothing is left of
# a run.  How fast anything is, is not asked here.

import glob
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_test import ROOT, SANITIZE, tap, wait

RUN = os.path.join(ROOT, 'util', 'bench', 'run')
DOCS = os.path.join(ROOT, 'docs', 'benchmarks.md')
SIDES = ('same', 'ingress')
NAMES = ('xray-100', 'otlp-5', 'json')
WATCHED = ('same', 'metrics', 'xray-5', 'json')
COMPARED = ('same', 'split-bare', 'split', 'egress', 'ingress')
HERE = os.path.join(os.environ['MESH_TEST_DIR'], 'bench')


ENV = dict(os.environ, MESH_BENCH_DIR=HERE,
           BUILD=os.path.basename(os.environ['MESH_BUILD_DIR']))


def bench(*args):
    return subprocess.run([RUN, *args], env=ENV, capture_output=True,
                          text=True, timeout=280)


def measured():
    """Pairs are measured, and what variants are told is what was asked."""
    p = bench('--quick', *['--only=observe/' + n for n in NAMES],
              *['--only=abreast/' + n for n in SIDES])
    if not tap.same(p.returncode, 0, 'it ran to its end'):
        tap.say(p.stdout + p.stderr)
        return
    with open(os.path.join(HERE, 'quick.json')) as f:
        results = json.load(f)
    data = results['observe']

    tap.same([w for w in results['warnings'] if ' failed: ' in w], [],
             'nothing failed')
    tap.same(list(results['abreast']), list(SIDES), 'each pair side by side')
    tap.same(list(data['pairs']), list(NAMES), 'a pair of each variant')
    samples = dict(results['abreast'])
    samples.update((name, r['samples']) for name, r in data['pairs'].items())
    for name, found in samples.items():
        tap.ok(found and all(s[who][key] > 0 for s in found
                             for who in ('base', 'own')
                             for key in ('rps', 'cpu_us', 'share')),
               name + ': requests and CPU time of both')
        tap.ok(all(s['base']['share'] + s['own']['share'] < 110
                   for s in found), name + ': both on one core', found)
    tap.ok('Side by side' in p.stdout, 'they have a table')
    traced(data)
    tap.same(logs(), [], 'no log is left')
    tap.ok(results['took_s'].get('observe', 0) > 0, 'it says what it took')

    if not shutil.which('valgrind'):
        tap.skip('instructions', 'valgrind is not installed')
        return
    cost = {n: r['instructions'] for n, r in data['instructions'].items()}
    tap.same(list(cost), list(NAMES), 'instructions of each variant')
    tap.same(max(cost, key=cost.get), 'xray-100', 'most to trace all')


def traced(data):
    told = {name: r['told'][0] for name, r in data['pairs'].items()}
    # of few requests, on a machine that is busy, chance makes more or less
    chance = 6 * (.05 * .95 / max(told['otlp-5']['requests'], 1)) ** .5
    chance = max(.02, chance)
    for name, least, most in (('xray-100', .5, 1.1),
                              ('otlp-5', .05 - chance, .05 + chance),
                              ('json', 0, 0)):
        share = told[name]['traces'] / told[name]['requests']
        tap.ok(least <= share <= most, '%s: its share is traced' % name,
               '%d of %d' % (told[name]['traces'], told[name]['requests']))
    tap.ok(told['json']['lines'] >= told['json']['requests'],
           'json: a line of each request', told['json'])


def sample(slower, share=49):
    base = {'requests': 1000, 'rps': 1000.0, 'cpu_us': 10.0, 'share': share}
    own = dict(base, rps=1000 * (1 - slower), cpu_us=10 * (1 + slower))
    return {'base': base, 'own': own, 'load_core': 90.0}


def phases(quiet, swapped):
    """Alternating, with these p99 in ms."""
    out = []
    for swaps, ms in [p for q, s in zip(quiet, swapped)
                      for p in ((0, q), (2, s))]:
        out.append({'swaps': swaps, 'requests': 8000, 'errors': 0,
                    'p50_us': 300, 'p99_us': 1000 * ms, 'p999_us': 5000 * ms,
                    'max_us': 9000 * ms, 'windows_us': [1000 * ms] * 4})
    return out


class Made:
    """Results as if they had been measured, and the report of them."""

    def __init__(self):
        self.path = os.path.join(HERE, 'made.json')
        self.results = {
            'machine': dict.fromkeys(('cpu', 'system', 'kernel'), '')
            | {'cores': 2, 'virtual': False, 'memory_gb': 1},
            'date': '', 'took_s': {}, 'versions': {},
            'options': {'rounds': 1, 'seconds': 2, 'quick': True}}

    def verdicts(self, **sections):
        with open(self.path, 'w') as f:
            json.dump(self.results | sections, f)
        text = bench('--from', self.path).stdout
        return [line[:4] for line in text.splitlines()
                if line.startswith(('PASS', 'MISS', 'OPEN'))], text


def watched(made, slower, control=(.001,), share=49):
    told = [{'requests': 1, 'traces': 0, 'lines': 0}]
    return made.verdicts(observe={'pairs': {
        name: {'told': told, 'samples': [
            sample(s, share) for s in
            (control if name == 'same' else slower)]} for name in WATCHED}})


def report():
    """What is missed is shown as missed, by the median of the samples."""
    made = Made()

    got, text = watched(made, (.01, .02, .5))
    tap.same(got, ['PASS'] * 6, 'one bad sample decides nothing')
    tap.ok('not quiet enough' not in text, 'two that are equal are so')
    tap.ok(' * ' not in text, 'no star where both had the core')
    tap.ok('+2.0 % (+1.0–+50.0)' in text, 'the median and the quartiles', text)
    got, text = watched(made, (.01, .031, .04))
    tap.same(got, ['MISS'] * 6, '3.1 % is more than 3 %')
    got, text = watched(made, (.01,), (.001, .016, .02))
    tap.ok('not quiet enough' in text, 'two that are equal and differ: said')
    tap.same(got, ['OPEN'] * 6, 'and there is no verdict')
    got, text = watched(made, (.01,), share=40)
    tap.ok(' * ' in text, 'where something else was full there is a star')
    tap.same(got, ['OPEN'] * 3 + ['PASS'] * 3, 'and nothing of requests/s')

    for slower, control, want in ((.049, 0, 'PASS'), (.051, 0, 'MISS'),
                                  (.01, .016, 'OPEN')):
        got, text = made.verdicts(abreast={
            name: [sample(control if name == 'same' else slower)]
            for name in COMPARED})
        tap.same(got, [want] * 4, 'side by side, %g %%: %s'
                 % (100 * slower, want))

    with open(DOCS) as f:
        before = f.read()
    tap.ok(bench('--from', made.path, '--write').returncode != 0,
           'a short run is not written down')
    with open(DOCS) as f:
        tap.same(f.read(), before, 'docs/benchmarks.md is as it was')


def swaps():
    """p99 while swapped, by the median of the pairs of phases."""
    made = Made()

    for quiet, swapped, want, text in (
            ((1, 1, 1), (1.5, 9, 1.2), 'PASS', '1.50× (1.20–9.00)'),
            ((1, 1, 1), (2.1, 9, 1.2), 'MISS', '2.10× (1.20–9.00)'),
            ((1, 2, 1), (1.1, 3, 1.2), 'OPEN', '1.20× (1.10–1.50)')):
        got, report = made.verdicts(large={'50': {
            'nodes': 1, 'endpoints': 2, 'backends': 50, 'document_kb': 3,
            'load': [dict.fromkeys(('cold_s', 'applied_s', 'cpu_s', 'small_kb',
                                    'large_kb', 'peak_kb'), 1)],
            'swap': {'rate': 2000, 'applied_s': [1] * 6, 'errors': 0,
                     'before_kb': 1, 'after_kb': 1,
                     'phases': phases(quiet, swapped)}}})
        tap.same(got, ['PASS', want, 'PASS'], 'p99 %s beside %s: %s'
                 % (swapped, quiet, want))
        tap.ok(text in report, 'and how much it varies', report)


def logs():
    return glob.glob(HERE + '/run/*/access.log')


def written():
    try:
        return any(os.path.getsize(f) for f in logs())
    except FileNotFoundError:           # it was taken away meanwhile
        return False


def processes():
    """Proxies by their directory, the rest by the environment of the run."""
    found = []
    for path in glob.glob('/proc/[0-9]*'):
        try:
            with open(path + '/environ', 'rb') as f:
                ours = ('MESH_BENCH_DIR=' + HERE).encode() in f.read()
            if ours or os.readlink(path + '/cwd').startswith(HERE):
                with open(path + '/cmdline', 'rb') as f:
                    found.append(f.read())
        except OSError:
            pass
    return found


def interrupted():
    """A run that is told to end takes all its processes and logs with it."""
    p = subprocess.Popen([RUN, '--only=observe/json'], env=ENV,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        tap.ok(wait(written, 60), 'a log is written')
        tap.ok(wait(lambda: any(b'wrk' in name for name in processes()), 60),
               'for requests of a load generator')
    finally:
        p.terminate()
        p.wait()
    tap.same(logs(), [], 'no log is left after a run that was told to end')
    # one that was told to end may take a moment
    tap.ok(wait(lambda: not processes(), 5), 'and no process', processes())


for program in ('wrk', 'h2load'):
    if not shutil.which(program):
        tap.skip_all(program + ' is not installed')
if SANITIZE:
    tap.skip_all('sanitizers and callgrind do not go together')

tap.run(measured, report, swaps, interrupted)
