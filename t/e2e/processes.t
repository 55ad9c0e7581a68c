#!/usr/bin/env python3
#
# What can happen to nginx's processes while clients hold connections open: a
# worker dies, the configuration is read again, the binary is replaced, nginx is
# told to stop.  Requests may fail only on the connections of what was killed.

import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'lib'))

from mesh_test import (SLOW, Backend, Load, Nginx, Sidecar,
                       alive, at_end, children, connect, directory, document,
                       free_port, read_all, reply, server, tap, wait)


def backends():
    ports = {x: free_port() for x in 'ab'}
    Nginx('\n'.join(server(x, p) for x, p in ports.items()),
          level='error').start()
    return ports


def finish(n, load=None):
    if load:
        load.stop()
    tap.ok(n.stop(), 'nginx ends')
    tap.same(n.bad(), [], 'no alerts')


def workers(n):
    """{number: pid} of those that answer"""
    seen = {}
    for _ in range(25):
        for info in n.infos():
            w = info['worker']
            seen[w['number']] = w['pid']
        if len(seen) == n.workers:
            break
    return seen


def kill_worker(number):
    """The agent lives in worker 0."""
    ports = backends()
    n = Sidecar(document(1, {'a': [ports['a']]}), workers=2).start()
    n.at('1')

    # requests that hang in the worker when it dies: they must not stay counted
    mute = Backend('mute', lambda r: time.sleep(60))
    n.put(document(2, {'a': [mute.port]}))
    n.at('2')
    hung = []
    for _ in range(40):
        s = connect(n.egress)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        hung.append(s)
    tap.ok(wait(lambda: n.in_flight() == 40), 'requests in flight')

    n.put(document(3, {'a': [ports['a']]}))
    n.at('3')
    load = Load(n.egress, clients=8)
    load.more(300)
    pids = workers(n)
    pid = pids[number]
    at = time.time()
    n.send(signal.SIGKILL, pid)
    tap.ok(wait(lambda: not alive(pid)
                and len(n.worker_pids()) == 2), 'a worker was replaced')
    load.more(500)
    tap.ok(len(load.failures) + load.resets <= 8,
           'only requests on its connections failed', load.failures[:5])
    tap.ok(all(float(x.split()[0]) < at + 4 * SLOW for x in load.failures),
           'and none later', load.failures[:5])
    failed = len(load.failures)

    now = workers(n)
    tap.same(sorted(now), [0, 1], 'two workers answer')
    tap.ok(now[number] != pid and now[1 - number] == pids[1 - number],
           'one of them another', (pids, now))
    tap.ok(wait(lambda: n.page('/ready').status == 200), 'ready')
    tap.ok(set(n.page('/ready').status for _ in range(20)) == {200},
           'the document is in force in the new worker')

    # of the other worker's requests nothing was lost
    left = n.in_flight()
    tap.ok(left < 40, 'what the dead one had is not counted any more', left)
    for s in hung:
        s.close()
    load.stop()
    tap.ok(wait(lambda: n.in_flight() == 0), 'and nothing in the end',
           n.page('/clusters').text)

    n.put(document(4, {'b': [ports['b']]}))
    tap.ok(n.at('4'), 'a later change is applied')
    tap.ok(wait(lambda: all(n.get().text == 'b' for _ in range(30))),
           'in both workers')
    tap.same(len(load.failures), failed, 'no request failed')
    tap.ok(n.stop(), 'nginx ends')
    bad = [x for x in n.bad() if 'exited on signal 9' not in x]
    tap.same(bad, [], 'no alerts but the one')


def kill_other():
    kill_worker(1)


def kill_agent():
    kill_worker(0)


def kill_often():
    """Also in the middle of a change."""
    ports = backends()
    n = Sidecar(document(0, {'a': [ports['a']]}), workers=2).start()
    n.at('0')
    load = Load(n.egress, clients=4)
    version = 0
    for i in range(10):
        pid = n.worker_pids()[i % 2]
        for _ in range(3):
            version += 1
            n.put(document(version, {'a': [ports['a']]}))
            time.sleep(0.003 * i)
        n.send(signal.SIGKILL, pid)
        wait(lambda: not alive(pid) and len(n.worker_pids()) == 2)
    tap.ok(n.at(str(version)), 'ten deaths amid thirty changes', n.errors(5))
    load.more(200)
    load.stop()
    tap.ok(len(load.failures) <= 40, 'cost no more than their requests',
           load.failures[:5])
    tap.ok(wait(lambda: n.in_flight() == 0), 'nothing in flight')
    tap.ok(n.stop(), 'nginx ends')
    bad = [x for x in n.bad() if 'exited on signal 9' not in x]
    tap.same(bad, [], 'no alerts but those')


def reload():
    ports = backends()
    n = Sidecar(document(1, {'a': [ports['a']]}), workers=2).start()
    n.at('1')
    load = Load(n.egress, clients=4)
    load.more(200)

    for zone in ('', 'zone 16m;', 'zone 64m;', ''):
        n.mesh = zone
        tap.ok(n.reload(), 'reload ' + zone)
        tap.same(set(n.page('/ready').status for _ in range(20)), {200},
                 'the document survives')
        load.more(100)

    # with the source gone the document is carried over all the same
    os.unlink(n.file)
    for zone in ('', 'zone 16m;'):
        n.mesh = zone
        tap.ok(n.reload(), 'reload without the source ' + zone)
        tap.same(n.version(), '1', 'the document survives')
        load.more(100)
    n.put(document(2, {'b': [ports['b']]}))
    tap.ok(n.at('2'), 'and changes are followed')
    tap.ok(wait(lambda: all(n.get().text == 'b' for _ in range(30))),
           'in all workers')

    # more workers, fewer, and a configuration that is wrong
    n.workers = 4
    tap.ok(n.reload(), 'reload to four workers')
    tap.same(sorted(workers(n)), [0, 1, 2, 3], 'which answer')
    n.workers = 1
    tap.ok(n.reload(), 'and to one')
    load.more(100)
    pids = n.worker_pids()
    good, n.mesh = n.mesh, 'no_such_directive;'
    n.write()
    n.send(signal.SIGHUP)
    tap.ok(n.logged('unknown directive "no_such_directive"'), 'a wrong one')
    n.mesh = good
    load.more(100)
    tap.same(n.worker_pids(), pids, 'is refused')

    # the reload itself, while changes are under way
    n.workers = 2
    for i in range(3, 13):
        n.put(document(i, {'ab'[i % 2]: [ports['ab'[i % 2]]]}))
        n.reload()
    tap.ok(n.at('12'), 'ten reloads amid ten changes')
    load.stop()
    tap.same(load.failures[:5], [], 'no request failed')
    tap.ok(wait(lambda: n.in_flight() == 0), 'nothing in flight')
    tap.ok(n.stop(), 'nginx ends')
    bad = [x for x in n.bad() if 'no_such_directive' not in x]
    tap.same(bad, [], 'no alerts')


def in_flight_across_reload():
    """A request that began before the reload is counted until it ends."""
    gate = threading.Event()
    a = Backend('a', lambda r: gate.wait(30) and reply('late'))
    for zone in ('', 'zone 16m;'):
        gate.clear()
        n = Sidecar(document(1, {'a': [a.port]})).start()
        n.at('1')
        s = connect(n.egress)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        wait(lambda: n.in_flight() == 1)
        n.mesh = zone
        tap.ok(n.reload(), 'reload %swith a request in flight' % zone)
        n.put(document(2, {'b': [1]}))
        n.at('2')
        gate.set()
        tap.ok(read_all(s).endswith(b'late'), 'it ends well')
        s.close()
        tap.ok(wait(lambda: n.in_flight() == 0), 'nothing in flight')
        finish(n)


def upgrade():
    ports = backends()
    keep = directory() + '/state'
    # nginx takes no USR2 from the parent that started it
    n = Sidecar(document(1, {'a': [ports['a']]}), workers=2, daemon=True,
                mesh='state %s;' % keep).start()
    n.at('1')
    wait(lambda: os.path.isdir(keep) and os.listdir(keep))
    load = Load(n.egress, clients=4)
    load.more(200)

    old = n.pid
    os.unlink(n.file)                   # the new one has last-known-good only
    n.send(signal.SIGUSR2, old)

    def new_master():
        try:
            with open(n.path('nginx.pid')) as f:
                pid = int(f.read() or 0)
        except (OSError, ValueError):
            return False
        return pid != old and len(n.worker_pids(pid)) == 2 and pid

    new = wait(new_master)
    if not tap.ok(new, 'a new master', n.errors(5)):
        load.stop()
        return
    at_end(lambda: [os.kill(p, signal.SIGKILL)
                    for p in children(new) + [new]])
    load.more(200)
    n.send(signal.SIGWINCH, old)
    tap.ok(wait(lambda: not n.worker_pids(old)), 'the old workers end')
    load.more(200)
    n.send(signal.SIGQUIT, old)
    tap.ok(wait(lambda: n.process.poll() is not None), 'the old master ends')
    tap.same(n.version(), '1', 'the new one has the document')
    tap.same(n.info()['config']['source'], 'last-known-good',
             'from last-known-good')
    n.put(document(2, {'b': [ports['b']]}))
    tap.ok(n.at('2'), 'and follows the source')
    load.more(100)
    load.stop()
    tap.same(load.failures[:5], [], 'no request failed')
    tap.ok(load.answers.get('b'), 'the change was in force')
    os.kill(new, signal.SIGQUIT)
    tap.ok(wait(lambda: not alive(new)), 'the new one ends')
    tap.same(n.bad(), [], 'no alerts')


def quit_in_flight():
    gate = threading.Event()
    a = Backend('a', lambda r: gate.wait(30) and reply('done'))
    n = Sidecar(document(1, {'a': [a.port]}), workers=2).start()
    n.at('1')
    a.answer = lambda r: reply('quick')
    for _ in range(10):
        n.get()                         # leaves idle connections
    a.answer = lambda r: gate.wait(30) and reply('done')
    clients = []
    for _ in range(10):
        s = connect(n.egress)
        s.sendall(b'GET / HTTP/1.1\r\nHost: app.local\r\n\r\n')
        clients.append(s)
    wait(lambda: n.in_flight() == 10)
    n.send(signal.SIGQUIT)
    n.logged('gracefully shutting down')
    time.sleep(0.1)
    tap.ok(n.process.poll() is None, 'QUIT waits for requests')
    gate.set()
    got = [read_all(s) for s in clients]
    tap.ok(all(x.endswith(b'done') for x in got), 'which end well', got)
    begin = time.monotonic()
    tap.ok(wait(lambda: n.process.poll() is not None), 'then it ends')
    tap.ok(time.monotonic() - begin < 3 * SLOW, 'at once')
    tap.same(n.bad(), [], 'no alerts')
    tap.same(n.lines('open socket'), [], 'no open sockets')
    for s in clients:
        s.close()


def quit_idle():
    """No timer holds it, in whatever state the agent is."""
    a = Backend('a')
    took = []
    for name, interval, doc in (('often', '10ms', document(1, {'a': [a.port]})),
                                ('seldom', '1h', document(1, {'a': [a.port]})),
                                ('no document', '1h', '')):
        n = Sidecar(doc, interval=interval, workers=2).start()
        n.get()
        begin = time.monotonic()
        tap.ok(n.stop(), 'QUIT, the source looked at %s' % name)
        took.append(time.monotonic() - begin)
        tap.ok(took[-1] < 5 * SLOW, 'at once', took[-1])
        tap.same(n.bad(), [], 'no alerts')
    tap.ok(min(took) < 1 * SLOW, 'which takes no time of its own', took)

    # between two looks at a large document
    n = Sidecar(document(1, {'a': [a.port]}), workers=2,
                mesh='state %s;' % (directory() + '/state')).start()
    n.at('1')
    for i in range(10):
        doc = document(i, {'a': [a.port]})
        doc['endpoints']['a'] += [{'ip': '10.0.%d.%d' % (j // 250, 1 + j % 250)}
                                  for j in range(20000)]
        n.put(doc)
        time.sleep(0.01)
    tap.ok(n.stop(), 'QUIT while a document is built')
    tap.same(n.bad(), [], 'no alerts')


def term():
    ports = backends()
    n = Sidecar(document(1, {'a': [ports['a']]}), workers=2).start()
    n.at('1')
    load = Load(n.egress, clients=4)
    load.more(100)
    n.send(signal.SIGTERM)
    tap.ok(wait(lambda: n.process.poll() is not None), 'TERM ends it')
    load.stopping.set()
    load.stop()
    tap.same(n.process.returncode, 0, 'well')
    # of requests that were cut off nginx itself says nothing
    tap.same([x for x in n.bad() if 'open socket' not in x], [], 'no alerts')


def single_process():
    ports = backends()
    keep = directory() + '/state'
    n = Sidecar(document(1, {'a': [ports['a']]}), master=False,
                mesh='state %s;' % keep).start()
    tap.ok(n.at('1'), 'a single process')
    tap.same(n.get().text, 'a', 'serves')
    n.put(document(2, {'b': [ports['b']]}))
    tap.ok(n.at('2'), 'follows the source')
    tap.ok(wait(lambda: os.listdir(keep)), 'keeps the document')

    # nginx itself takes no connection after a HUP in this mode: its new cycle
    # has none.  What can be asked for is that the mesh does not make it worse.

    for i in range(3, 6):
        done = len(n.lines('reconfiguring$'))
        n.mesh = 'state %s; %s' % (keep, 'zone 16m;' if i % 2 else '')
        n.write()
        n.send(signal.SIGHUP)
        wait(lambda: len(n.lines('reconfiguring$')) > done)
        n.put(document(i, {'a': [ports['a']]}))
        tap.ok(n.logged('"%d" applied' % i), 'HUP: the source is followed')
        tap.ok(n.process.poll() is None, 'and it lives')

    n.send(signal.SIGQUIT)
    tap.ok(wait(lambda: n.process.poll() is not None), 'QUIT ends it')
    tap.same(n.bad(), [], 'no alerts')


def one_thread():
    """What waits for a disk does it in a thread that ends: a second one that
    stays costs every request of the worker."""
    ports = backends()
    n = Sidecar(document(1, {'a': [ports['a']]}), workers=2).start()
    n.at('1')
    n.put(document(2, {'a': [ports['b']]}))
    n.at('2')
    for pid in n.worker_pids():
        tap.ok(wait(lambda: len(os.listdir('/proc/%d/task' % pid)) == 1),
               'a worker has one thread')
    finish(n)


tap.run(one_thread, kill_other, kill_agent, kill_often, reload,
        in_flight_across_reload, upgrade, quit_in_flight, quit_idle, term,
        single_process)
