#!/usr/bin/env python3

# The App Mesh specs that AWS published as examples, assembled to documents by
# t/lib/mesh_fixtures.py, are all accepted: a mesh that worked there works here.
# The documents go through the loader as a unit test, so util/build --unit has
# to have run.  Skips where the examples are not.

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

import mesh_fixtures                                    # noqa: E402

documents = list(mesh_fixtures.documents())

if not documents:
    print('1..0 # SKIP no examples of AWS here (MESH_SHARED)')
    sys.exit()

outdir = os.environ.get('MESH_TEST_DIR') or os.path.join('/tmp', 'mesh-t-%d'
                                                         % os.getpid())
os.makedirs(outdir, exist_ok=True)

listing = os.path.join(outdir, 'documents')

with open(listing, 'w', encoding='utf-8') as paths:
    for name, doc, _ in documents:
        path = os.path.join(outdir, name + '.json')
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(doc, f, indent=2)
        print(path, file=paths)

unit = subprocess.run(['perl', 't/unit.t'], stdout=subprocess.PIPE, text=True,
                      check=False,
                      env={**os.environ, 'MESH_DOCUMENTS': listing,
                           'MESH_UNIT': 'mesh_unit_documents'})

tests = []


def check(good, what):
    tests.append(good)
    print('%s %d - %s' % ('ok' if good else 'not ok', len(tests), what))


for name, _, files in documents:
    ok = any(line.startswith('ok ') and '/%s.json' % name in line
             for line in unit.stdout.splitlines())
    check(ok, 'accepted: %s (%d files)' % (name, len(files)))
    for line in unit.stdout.splitlines():
        if not ok and '/%s.json' % name in line:
            print('# ' + line)

there = {path for _, paths in mesh_fixtures.sets() for path in paths}
used = {path for _, _, files in documents for path in files}

check(there == used, 'each of the %d files is in a document' % len(there))

for path in sorted(there - used):
    print('# not used: ' + path)

check(unit.returncode == 0, 'the unit test passes')

print('1..%d' % len(tests))
sys.exit(0 if all(tests) else 1)
