#!/usr/bin/env python3
#
# Which endpoint a request goes to, seen from the endpoints.

import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from mesh_test import (Backend, Load, Sidecar, connect, document, endpoint,
                       free_port, read_all, reply, tap, wait)


def counts(n, times, between=None):
    seen = {}
    for _ in range(times):
        r = n.get()
        text = r.text if r.status == 200 else str(r.status)
        seen[text] = seen.get(text, 0) + 1
        if between:
            between()
    return seen


def round_robin():
    backends = [Backend(x) for x in 'abc']
    n = Sidecar(document(1, {'n': [b.port for b in backends]})).start()
    n.at('1')
    tap.same(counts(n, 30), {'a': 10, 'b': 10, 'c': 10}, 'round robin')
    order = ''.join(n.get().text for _ in range(9))
    tap.ok(order[:3] == order[3:6] == order[6:], 'in a fixed order', order)

    n.put(document(2, {'n': [b.port for b in backends[:2]]}))
    n.at('2')
    tap.same(counts(n, 20), {'a': 10, 'b': 10}, 'without one of them')
    n.put(document(3, {'n': [b.port for b in backends]}))
    n.at('3')
    tap.same(counts(n, 30), {'a': 10, 'b': 10, 'c': 10}, 'with it again')

    # each of four workers begins somewhere else
    n = Sidecar(document(1, {'n': [b.port for b in backends]}), workers=4)
    n.start()
    n.at('1')
    got = counts(n, 300)
    tap.ok(len(got) == 3 and min(got.values()) >= 80, 'of four workers', got)

    # weights and endpoints: each target goes round its own
    n = Sidecar(document(1, {'one': [backends[0].port], 'two': [
        b.port for b in backends[1:]]}, weights={'one': 1, 'two': 1})).start()
    n.at('1')
    got = counts(n, 400)
    tap.ok(140 < got['a'] < 260 and abs(got['b'] - got['c']) <= 1,
           'round robin within a target', got)


def dead():
    a, b = Backend('a'), Backend('b')
    port = free_port()
    n = Sidecar(document(1, {'n': [a.port, port, b.port]})).start()
    n.at('1')
    got = counts(n, 60)
    tap.ok(set(got) == {'a', 'b'} and sum(got.values()) == 60,
           'one of three is dead: all requests succeed', got)
    r = n.get(method='POST', body=b'x')
    bad = [r for r in (n.get(method='POST', body=b'x') for _ in range(30))
           if r.status != 200]
    tap.same(len(bad), 0, 'also those with a body')
    c = n.clusters()
    name = 'cds_egress_m_n_http_8080'
    dead_row = c[(name, '127.0.0.1:%d' % port)]
    tap.ok(int(dead_row['cx_connect_fail']) >= 20, 'failures are counted')
    tap.same(dead_row['rq_active'], '0', 'and nothing in flight')

    n.put(document(2, {'n': [port, free_port(), b.port]}))
    n.at('2')
    tap.same(counts(n, 30), {'b': 30}, 'two of three are dead')

    n.put(document(3, {'n': [port] + [free_port() for _ in range(5)]
                       + [b.port]}))
    n.at('3')
    got = counts(n, 70)
    tap.ok(got.get('503', 0) > 0 and got.get('b', 0) >= 20,
           'of more, three are tried', got)

    n.put(document(4, {'n': [port]}))
    n.at('4')
    r = n.get()
    tap.same((r.status, r.text),
             (503, 'upstream connect error or disconnect/reset before '
              'headers. reset reason: connection failure'), 'the only one')

    # an endpoint that dies and comes back under load
    c = Backend('c')
    n.put(document(5, {'n': [a.port, c.port]}))
    n.at('5')
    load = Load(n.egress, clients=3)
    load.more(100)
    c.close()
    load.more(200)
    load.stop()
    # only those that were being answered by it may fail
    tap.ok(len(load.failures) <= 3, 'one that dies under load',
           load.failures[:5])
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def unhealthy():
    a, b = Backend('a'), Backend('b')
    n = Sidecar(document(1, {'n': [
        a.port, endpoint(b.port, healthStatus='UNHEALTHY')]})).start()
    n.at('1')
    tap.same(counts(n, 20), {'a': 20}, 'an unhealthy one gets nothing')
    tap.same(b.connections, 0, 'not even a connection')
    n.put(document(2, {'n': [endpoint(a.port, healthStatus='UNHEALTHY'),
                             endpoint(b.port, healthStatus='HEALTHY')]}))
    n.at('2')
    tap.same(counts(n, 20), {'b': 20}, 'and the other way round')
    n.put(document(3, {'n': [endpoint(x.port, healthStatus='UNHEALTHY')
                             for x in (a, b)]}))
    n.at('3')
    r = n.get()
    tap.same((r.status, r.text), (503, 'no healthy upstream'), 'all')
    n.put(document(4, {'n': [a.port, endpoint(
        free_port(), healthStatus='UNHEALTHY')]}))
    n.at('4')
    a.answer = lambda r: None
    tap.same(n.get().status, 503,
             'nor is one tried after a healthy one failed')


def least_request():
    gate = threading.Event()
    held = []

    def slow(r):
        if r.path == '/hold':
            held.append(1)
            gate.wait(30)
        return reply('a')

    for workers in (1, 2):
        gate.clear()
        held.clear()
        a = Backend('a', slow)
        b = Backend('b')
        n = Sidecar(document(1, {'n': [a.port, b.port]}),
                    mesh='lb_policy least_request;', workers=workers).start()
        n.at('1')
        got = counts(n, 200)
        tap.ok(60 < got.get('a', 0) < 140,
               '%d worker(s): idle ones get the same' % workers, got)

        # b answers at once, so what is held is held by a
        clients = []
        while len(held) < 3 and len(clients) < 200:
            s = connect(n.egress)
            s.sendall(b'GET /hold HTTP/1.1\r\nHost: app.local\r\n'
                      b'Connection: close\r\n\r\n')
            clients.append(s)
            wait(lambda: held or n.in_flight() == 0, 5)
            if held:
                break
        tap.ok(held, '%d worker(s): a is busy' % workers)
        # b is as busy as a for as long as a worker still counts a request whose
        # answer the client has already: another worker may see that
        def only_held():
            wait(lambda: n.in_flight() == len(held))

        only_held()
        got = counts(n, 100, only_held)
        tap.same(got, {'b': 100},
                 '%d worker(s): the idle one gets all' % workers)
        gate.set()
        for s in clients:
            read_all(s)
            s.close()
        wait(lambda: n.in_flight() == 0)
        got = counts(n, 200)
        tap.ok(60 < got.get('a', 0) < 140,
               '%d worker(s): and shares again' % workers, got)

    # a dead one among them
    n = Sidecar(document(1, {'n': [a.port, b.port, free_port()]}),
                mesh='lb_policy least_request;').start()
    n.at('1')
    got = counts(n, 60)
    tap.ok(set(got) <= {'a', 'b'}, 'one of three is dead', got)
    n = Sidecar(document(1, {'n': [a.port]}),
                mesh='lb_policy least_request;').start()
    n.at('1')
    tap.same(counts(n, 5), {'a': 5}, 'one endpoint')


def ipv6():
    try:
        a = Backend('a', host='::1')
    except OSError:
        tap.skip('IPv6', 'not there')
        return
    b = Backend('b')
    n = Sidecar(document(1, {'n': [endpoint(a.port, ip='::1'), b.port]}))
    n.start()
    n.at('1')
    tap.same(counts(n, 20), {'a': 10, 'b': 10}, 'IPv6 and IPv4')
    tap.same(a.connections, 1, 'with keepalive')
    n.put(document(2, {'n': [endpoint(a.port, ip='0:0:0:0:0:0:0:1')]}))
    n.at('2')
    tap.same(counts(n, 5), {'a': 5}, 'written in another way')


tap.run(round_robin, dead, unhealthy, least_request, ipv6)
