#!/usr/bin/env python3

"""Requests that nobody would send, to the API of a control plane: whatever
comes, it answers in the form of the API, its workers live, and what it stores
is whole: all that is listed can be described, nothing refers to what is not
there, and a proxy takes each document.

MESH_SEED=N repeats a run; LONG=1 makes it longer.
"""

import os
import random
import re
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [ROOT + '/t/lib', ROOT + '/util/fuzz']

import fuzz_api                                                  # noqa: E402
import mesh_model                                                # noqa: E402

from mesh_control import ControlPlane                            # noqa: E402
from mesh_test import LONG, Sidecar, free_port, tap              # noqa: E402

MODEL = mesh_model.load()
SEED = int(os.environ.get('MESH_SEED') or time.time())
SECONDS = 120 if LONG else 10
DOCUMENTS = 500 if LONG else 60         # that are given to a proxy

if MODEL is None:
    tap.skip_all('no API model: neither MESH_SHARED nor botocore is here')


def api():
    port = free_port()
    cp = ControlPlane(workers=2, location='mesh_max_wait 1s;', more_http='''
        server {
            listen 127.0.0.1:%d;
            location / {
                mesh_control_plane;
                mesh_max_wait 1s;
                mesh_keys fuzz.keys;
            }
        }''' % port)
    with open(cp.path('fuzz.keys'), 'w') as f:
        f.write('%s %s admin\n' % (fuzz_api.KEY, fuzz_api.SECRET))
    os.chmod(cp.path('fuzz.keys'), 0o644)
    cp.start()
    workers = cp.worker_pids()

    fuzz = fuzz_api.Fuzz(cp, MODEL, SEED, signed=port)
    fuzz.run(SECONDS)

    tap.say('%d requests with MESH_SEED=%d' % (fuzz.done, SEED))
    for (status, error), n in sorted(fuzz.seen.items(), key=str):
        tap.say('%7d  %d %s' % (n, status, error or ''))
    if not tap.same(fuzz.odd[:5], [], 'each answer is one of the API'):
        # prove shows nothing else of a failure
        for x in fuzz.odd[:5]:
            print('# MESH_SEED=%d: %s' % (SEED, x), file=sys.stderr)
    tap.ok(fuzz.seen.get((200, None), 0) > 100, 'many were taken')
    tap.same(cp.worker_pids(), workers, 'the workers are the same')
    tap.same([x for x in cp.bad() if not loud(x)], [],
             'nothing bad is logged')
    whole(cp)
    tap.same(cp.worker_pids(), workers, 'and still are')
    tap.ok(cp.stop(), 'it ends well')


def loud(line):
    """nginx's own words on a request that it does not take"""
    return re.search(r'client sent ', line)


def whole(cp):
    found, lost = fuzz_api.walk(cp, 'm')
    tap.say('%d resources' % len(found))
    tap.same(lost[:5], [], 'all that is listed can be described')
    bad = ['%s: %s' % (kind, why) for kind, body in found for why in
           MODEL.violations('Describe' + kind, body)]
    tap.same(bad[:5], [], 'and is of its shape')
    tap.same(fuzz_api.dangling(found)[:5], [], 'all references lead somewhere')

    proxies = [(kind, body) for kind, body in found
               if kind in ('VirtualNode', 'VirtualGateway')]
    random.Random(SEED).shuffle(proxies)
    sidecar = Sidecar().start()
    wrong = []
    for kind, body in proxies[:DOCUMENTS]:
        name = body[fuzz_api.member(kind)]
        answer = cp.get('/mesh/v1/meshes/m/%ss/%s/document' % (
            fuzz_api.member(kind, ''), fuzz_api.quote(name)))
        if answer.status != 200:
            wrong.append('%s: %s' % (name, answer.message))
            continue
        sidecar.put(answer.data)
        if not sidecar.at(answer.body['version'], 20):
            wrong.append('%s: %s' % (name, sidecar.errors(1)))
    tap.same(wrong[:5], [], 'a proxy takes all of %d documents'
             % len(proxies[:DOCUMENTS]))
    tap.same(sidecar.bad(), [], 'without a word')


tap.run(api)
