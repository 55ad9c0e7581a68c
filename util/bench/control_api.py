"""Calls a second: durable creates, and describes with one worker on one core,
signed and not."""

import os

import control_client as client
import load
import stats

PART = 'api'
CREATES = (1, 8, 64)        # connections
DESCRIBES = 64


def creates(bench, plane, connections, offset):
    c = plane.client(connections)
    try:
        latencies, seconds = c.all(
            (client.create('bench', 'Node', 'n%d' % n, client.node_spec())
             for n in range(offset, 10 ** 9)), bench.seconds)
    finally:
        c.close()
    return {'n': len(latencies), 'rate': len(latencies) / seconds,
            'p50_ms': 1e3 * stats.quantile(latencies, .5),
            'p99_ms': 1e3 * stats.quantile(latencies, .99)}


class Target:
    """What load.wrk() asks of a proxy."""

    def __init__(self, port, path, headers):
        self.port = port
        self.shape = self
        self.path, self.headers = path, headers
        self.host = 'bench'


def describes(bench, plane, headers):
    target = Target(plane.port, client.API + '/bench/virtualNodes/n0', headers)
    load.wrk(target, bench.warmup, bench.cores.load, DESCRIBES)
    return load.wrk(target, bench.seconds, bench.cores.load, DESCRIBES)


def run(bench, make, _, results):
    out = results['api'] = {'create': {}, 'describe': {}}

    with make(bench) as plane:
        client.new_mesh(plane, 'bench')
        done = 0
        before = plane.memory(), plane.disk_kb()
        for connections in CREATES:
            r = creates(bench, plane, connections, done)
            done += r['n'] + connections
            out['create'][str(connections)] = r
        out['create_memory'] = {'n': done, 'before': before,
                                'after': (plane.memory(), plane.disk_kb())}
        out['describe']['unsigned'] = describes(bench, plane, {})

        # the same store, with keys
        signed = make(bench, keys=True)
        signed.data = plane.data
        plane.process.stop()
        os.makedirs(signed.dir, exist_ok=True)
        signed.start()
        try:
            headers = client.signature(
                'GET', client.API + '/bench/virtualNodes/n0', 'bench')
            out['describe']['signed'] = describes(bench, signed, headers)
        finally:
            signed.process.stop()
