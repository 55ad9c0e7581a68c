#!/usr/bin/env python3
#
# The benchmark of metrics, traces and logs, in its short form: that each variant
# does what it is measured for, that a target that is missed is said to be, and
# that nothing is left of the logs.  How fast anything is, is not asked here.

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
NAMES = ('metrics', 'xray-5', 'xray-100', 'otlp-5', 'json')
TARGETS = ('metrics on', 'X-Ray at 5 %', 'JSON access log')
HERE = os.path.join(os.environ['MESH_TEST_DIR'], 'bench')


ENV = dict(os.environ, MESH_BENCH_DIR=HERE,
           BUILD=os.path.basename(os.environ['MESH_BUILD_DIR']))


def bench(*args):
    return subprocess.run([RUN, *args], env=ENV, capture_output=True,
                          text=True, timeout=280)


def variants():
    """All of them are measured, and what they are told is what was asked."""
    p = bench('--quick', *['--only=observe/' + n for n in NAMES])
    if not tap.same(p.returncode, 0, 'it ran to its end'):
        tap.say(p.stdout + p.stderr)
        return
    with open(os.path.join(HERE, 'quick.json')) as f:
        results = json.load(f)
    data = results['observe']

    tap.same([w for w in results['warnings'] if ' failed: ' in w], [],
             'nothing failed')
    tap.same(list(data['pairs']), list(NAMES), 'a pair of each variant')
    for name, r in data['pairs'].items():
        tap.ok(all(s[who][key] > 0 for s in r['samples']
                   for who in ('base', 'own') for key in ('rps', 'cpu_us')),
               name + ': requests and CPU time of both')

    told = {name: r['told'][0] for name, r in data['pairs'].items()}
    for name, least, most in (('metrics', 0, 0), ('xray-5', .03, .07),
                              ('xray-100', .5, 1.1), ('otlp-5', .03, .07),
                              ('json', 0, 0)):
        share = told[name]['traces'] / told[name]['requests']
        tap.ok(least <= share <= most, '%s: its share is traced' % name,
               '%d of %d' % (told[name]['traces'], told[name]['requests']))
    tap.ok(told['json']['lines'] >= told['json']['requests'],
           'json: a line of each request', told['json'])
    tap.same(logs(), [], 'no log is left')
    tap.ok(results['took_s'].get('observe', 0) > 0, 'it says what it took')

    if not shutil.which('valgrind'):
        tap.skip('instructions', 'valgrind is not installed')
        return
    counted = data['instructions']
    tap.same(list(counted), list(NAMES), 'instructions of each variant')
    cost = [counted[n]['instructions']
            for n in ('metrics', 'xray-5', 'xray-100')]
    tap.ok(cost == sorted(cost), 'more of them to trace more', cost)


def report():
    """What is missed is shown as missed, by the median of the pairs."""
    path = os.path.join(HERE, 'made.json')
    with open(os.path.join(HERE, 'quick.json')) as f:
        results = json.load(f)

    results['observe']['pairs']['same'] = {'told': [
        {'requests': 1, 'traces': 0, 'lines': 0}]}

    def verdicts(*slower):
        for r in results['observe']['pairs'].values():
            base = {'rps': 1000.0, 'cpu_us': 10.0, 'proxy_share': 99.0}
            r['samples'] = [{'base': base, 'own': {
                'rps': 1000 * (1 - s), 'cpu_us': 10 * (1 + s),
                'proxy_share': 99.0}} for s in slower]
        with open(path, 'w') as f:
            json.dump(results, f)
        text = bench('--from', path).stdout
        lines = [line for line in text.splitlines()
                 if line.startswith(('PASS', 'MISS'))]
        for what in TARGETS:
            tap.same(len([line for line in lines if what in line]), 2,
                     what + ': a target for requests/s, one for CPU')
        return [line[:4] for line in lines], text

    got, text = verdicts(.01, .02, .5)
    tap.same(got, ['PASS'] * 6, 'one bad pair decides nothing')
    tap.ok('not quiet enough' not in text, 'two that are equal are so')
    tap.ok(' * ' not in text, 'no star where the proxy had its core')
    tap.ok('+2.0 % (+1.0–+50.0)' in text, 'the median and the quartiles', text)
    got, text = verdicts(.01, .031, .04)
    tap.ok('not quiet enough' in text, 'two that are equal and differ: said')
    tap.same(got, ['MISS'] * 6, '3.1 % is more than 3 %')

    with open(DOCS) as f:
        before = f.read()
    tap.ok(bench('--from', path, '--write').returncode != 0,
           'a short run is not written down')
    with open(DOCS) as f:
        tap.same(f.read(), before, 'docs/benchmarks.md is as it was')


def logs():
    return glob.glob(HERE + '/run/*/access.log')


def processes():
    found = []
    for path in glob.glob('/proc/[0-9]*/cwd'):
        try:
            found += [path] * os.readlink(path).startswith(HERE)
        except OSError:
            pass
    return found


def interrupted():
    """A run that is told to end takes its proxies and logs with it."""
    p = subprocess.Popen([RUN, '--only=observe/json'], env=ENV,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        tap.ok(wait(lambda: any(os.path.getsize(f) for f in logs()), 60),
               'a log is written')
        tap.ok(processes(), 'by a proxy')
    finally:
        p.terminate()
        p.wait()
    tap.same(logs(), [], 'no log is left after a run that was told to end')
    tap.same(processes(), [], 'and no proxy')


for program in ('wrk', 'h2load'):
    if not shutil.which(program):
        tap.skip_all(program + ' is not installed')
if SANITIZE:
    tap.skip_all('sanitizers and callgrind do not go together')

tap.run(variants, report, interrupted)
