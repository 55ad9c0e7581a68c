#!/usr/bin/python3 -B

# The store of a control plane under what happens to one: workers and the whole
# nginx killed under writes, a disk that is full or read-only, a file that is
# damaged, newer or gone, another user, reloads, a process without a master.

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_control import ControlPlane, uri
from mesh_test import LONG, Nginx, at_end, children, directory, tap, wait

ROUNDS = 30 if LONG else 6

NODE = {'serviceDiscovery': {'dns': {'hostname': 'n.local'}}}
ROUTER = {'listeners': [{'portMapping': {'port': 80, 'protocol': 'http'}}]}
ROUTE = {'httpRoute': {'match': {'prefix': '/'}, 'action': {
    'weightedTargets': [{'virtualNode': 'n', 'weight': 1}]}}}


def mesh(cp):
    """A mesh with a router and a node, for routes."""
    return [cp.create('meshes', meshName='m').status,
            cp.create('meshes', 'm', 'virtualNodes', virtualNodeName='n',
                      spec=NODE).status,
            cp.create('meshes', 'm', 'virtualRouters', virtualRouterName='r',
                      spec=ROUTER).status]


def route(cp, name):
    return cp.create('meshes', 'm', 'virtualRouter', 'r', 'routes',
                     routeName=name, spec=ROUTE)


def routes(cp):
    """Names of all routes, page by page, over a new connection."""
    found, more = set(), {}
    connection = cp.connection()
    while True:
        answer = cp.get(uri('meshes', 'm', 'virtualRouter', 'r', 'routes',
                            limit=100, **more), connection=connection)
        found |= {r['routeName'] for r in answer.body['routes']}
        if not answer.body.get('nextToken'):
            connection.close()
            return found
        more = {'nextToken': answer.body['nextToken']}


class Writers:
    """Threads that create routes; .answered are those that were said to be."""

    def __init__(self, cp, n=4):
        self.cp = cp
        self.answered, self.refused = set(), []
        self.stopping = False
        self.prefix = '%x' % random.getrandbits(32)
        self.threads = [threading.Thread(target=self.write, args=(i,))
                        for i in range(n)]
        for t in self.threads:
            t.start()

    def write(self, thread):
        n = 0
        while not self.stopping:
            name = '%s-%d-%d' % (self.prefix, thread, n)
            n += 1
            try:
                answer = route(self.cp, name)
            except Exception:           # the worker is gone
                time.sleep(0.005)
                continue
            if answer.status == 200:
                self.answered.add(name)
            else:
                self.refused.append((answer.status, answer.body))

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join()


def halves(cp):
    """Routes without their reference, or the other way around."""
    with sqlite3.connect(cp.database) as db:
        keys = [bytes(k).decode() for k, in db.execute('SELECT key FROM entry')]
    db.close()
    there = {k.rsplit('/', 1)[1] for k in keys if k.startswith('/route/')}
    meant = {k.rsplit('/', 1)[1] for k in keys
             if k.startswith('/reference/') and '/route/' in k}
    return there ^ meant


def clean(nginx, what):
    tap.same(nginx.bad(), [], '%s: nothing bad was logged' % what)


# killed

def workers_killed():
    cp = ControlPlane(workers=3).start()
    tap.same(mesh(cp), [200] * 3, 'a mesh')
    writers = Writers(cp)
    for _ in range(ROUNDS):
        time.sleep(random.uniform(0.05, 0.2))
        workers = cp.worker_pids()
        cp.send(signal.SIGKILL, random.choice(workers))
        if not wait(lambda: len(cp.worker_pids()) == 3):
            break
    before = len(writers.answered)
    tap.ok(wait(lambda: len(writers.answered) > before + 20),
           'writes go on after %d kills of workers' % ROUNDS)
    writers.stop()
    there = routes(cp)
    tap.same(writers.answered - there, set(),
             'none of %d answered writes was lost' % len(writers.answered))
    tap.same(writers.refused, [], 'none was refused')
    tap.same(halves(cp), set(), 'no half of one was kept')
    tap.ok(cp.stop(), 'the end is a clean one')


def all_killed():
    cp = ControlPlane(workers=2).start()
    mesh(cp)
    answered, lost, half = set(), set(), set()
    for _ in range(ROUNDS):
        writers = Writers(cp)
        wait(lambda: len(writers.answered) > 5)
        time.sleep(random.uniform(0, 0.2))
        pids = [cp.pid] + children(cp.pid)
        for pid in pids:
            cp.send(signal.SIGKILL, pid)
        writers.stop()
        cp.process.wait()
        Nginx.running.remove(cp)
        os.unlink(cp.path('nginx.pid'))
        half |= halves(cp)
        cp.start()
        answered |= writers.answered
        lost |= answered - routes(cp)
    tap.same(lost, set(), '%d kills of nginx: none of %d answered writes was '
             'lost' % (ROUNDS, len(answered)))
    tap.same(half, set(), 'no half of one was kept')
    tap.ok(cp.stop(), 'the end is a clean one')
    clean(cp, 'killed')


def reloads():
    cp = ControlPlane(workers=2).start()
    mesh(cp)
    writers = Writers(cp)
    for _ in range(3):
        before = len(writers.answered)
        tap.ok(cp.reload(), 'a reload under writes')
        wait(lambda: len(writers.answered) > before + 10)
    writers.stop()
    tap.same(writers.refused, [], 'none was refused')
    tap.same(writers.answered - routes(cp), set(), 'and none lost')
    tap.ok(cp.stop(), 'the end is a clean one')
    clean(cp, 'reloads')


# what one worker answered, others know

def workers_agree():
    cp = ControlPlane(workers=4).start()
    mesh(cp)
    stale = 0
    for i in range(100):
        route(cp, 'r-%d' % i)
        connection = cp.connection()
        answer = cp.get(uri('meshes', 'm', 'virtualRouter', 'r', 'routes',
                            'r-%d' % i), connection=connection)
        stale += answer.status != 200
        connection.close()
    tap.same(stale, 0, 'a route is there for whoever asks next')
    tap.ok(cp.stop(), 'the end is a clean one')
    clean(cp, 'agree')


# disks

def disk(size):
    """A file system of its own, or None."""
    path = directory()
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o',
                           'size=%s,mode=0777' % size, 'tmpfs', path],
                          stderr=subprocess.DEVNULL)
    if done.returncode:
        return None
    at_end(lambda: subprocess.run(['umount', '-l', path], check=False))
    return path


def remount(path, options):
    return subprocess.run(['mount', '-o', 'remount,' + options, path],
                          check=False).returncode == 0


def full():
    path = disk('1m')
    if path is None:
        return tap.skip('a full disk', 'no file system can be mounted here')
    cp = ControlPlane(store='sqlite:%s/mesh.db' % path, workers=2).start()
    tap.same(mesh(cp), [200] * 3, 'a mesh on a small disk')
    n, answer = 0, None
    for n in range(3000):
        answer = route(cp, 'r-%d' % n)
        if answer.status != 200:
            break
    tap.ok(answer.status >= 500, 'a write is refused after %d' % n, answer)
    tap.ok('rror' in str(answer.error) + str(answer.body)
           or 'xception' in str(answer.error) + str(answer.body),
           'with an error of the API', answer)
    for i in range(20):
        route(cp, 'r-%d' % (n + i))
    told = cp.lines('cannot be written')
    tap.ok(0 < len(told) <= 3, 'which is told of, not for each request',
           len(told), *told[:5])
    tap.ok(told and 'make room' in told[0] and path in told[0],
           'with the path and what to do', *told[:1])
    tap.same(len(routes(cp)), n, 'reads go on')

    tap.ok(cp.reload(), 'a reload')
    tap.same(len(routes(cp)), n, 'still')
    cp.stop()
    cp.start()
    tap.same(len(routes(cp)), n, 'after a new start on a full disk too')
    tap.ok(route(cp, 'none').status >= 500, 'where writes are refused')

    remount(path, 'size=16m')
    tap.ok(wait(lambda: route(cp, 'last').status == 200),
           'with room again writes go on')
    tap.ok(cp.logged('can be written again'), 'which is told of')
    tap.same(len(routes(cp)), n + 1, 'all of them are there')
    tap.ok(cp.stop(), 'the end is a clean one')
    clean(cp, 'full')


def read_only():
    path = disk('4m')
    if path is None:
        return tap.skip('a read-only disk', 'no file system can be mounted '
                        'here')
    cp = ControlPlane(store='sqlite:%s/mesh.db' % path, workers=2).start()
    mesh(cp)
    cp.stop()
    if not remount(path, 'ro'):
        return tap.skip('a read-only disk', 'the file system stays as it is')
    cp.start()
    tap.ok(cp.logged('is read-only'), 'a read-only disk is told of')
    tap.same(cp.get(uri('meshes', 'm')).status, 200, 'it is served')
    answer = route(cp, 'a')
    tap.ok(answer.status >= 500, 'changes are refused', answer)
    tap.ok(cp.logged('cannot be written: .*read'), 'and told of')
    cp.stop()
    remount(path, 'rw')
    cp.start()
    tap.same(route(cp, 'a').status, 200, 'later they are taken again')
    tap.ok(cp.stop(), 'the end is a clean one')


# files

def refused(cp, what, pattern):
    """nginx does not start, for a reason."""
    try:
        cp.start()
        started = True
    except RuntimeError:
        started = False
    tap.ok(not started, '%s: nginx does not start' % what)
    lines = cp.lines('emerg')
    tap.ok(lines and cp.database in lines[-1] and pattern in lines[-1],
           '%s: one line tells why' % what, *lines)
    Nginx.running[:] = [n for n in Nginx.running if n is not cp]


def damaged():
    cp = ControlPlane().start()
    mesh(cp)
    for i in range(60):
        route(cp, 'r-%d' % i)
    cp.stop()
    with sqlite3.connect(cp.database) as db:
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    with open(cp.database, 'rb') as f:
        sound = f.read()
    with open(cp.database, 'r+b') as f:
        f.seek(4 * 4096)
        f.write(b'x' * 3 * 4096)
    refused(cp, 'damaged', 'restore it from a backup')

    with open(cp.database, 'wb') as f:
        f.write(b'this is no database\n' * 1000)
    refused(cp, 'another file', 'restore it from a backup')

    with open(cp.database, 'wb') as f:
        f.write(sound)
    cp.start()
    tap.same(len(routes(cp)), 60, 'the backup is served')
    cp.stop()


def version(cp, n):
    with sqlite3.connect(cp.database) as db:
        db.execute('PRAGMA user_version = %d' % n)
    db.close()


def newer():
    cp = ControlPlane().start()
    mesh(cp)
    version(cp, 99)
    workers = cp.worker_pids()
    cp.send(signal.SIGHUP)
    tap.ok(cp.logged('was made by a newer version'),
           'a reload with a newer schema is refused')
    tap.same(cp.worker_pids(), workers, 'the workers stay')
    tap.same([cp.get(uri('meshes', 'm')).status, route(cp, 'a').status],
             [200, 200], 'and go on')
    version(cp, 1)
    tap.ok(cp.reload(), 'with the right one the next reload is done')
    tap.same(route(cp, 'b').status, 200, 'and goes on')
    tap.ok(cp.stop(), 'the end is a clean one')


def removed():
    cp = ControlPlane().start()
    mesh(cp)
    os.rename(cp.database, cp.database + '.away')
    tap.ok(route(cp, 'a').status >= 500, 'a file that was moved takes nothing')
    tap.ok(cp.logged('was moved or removed'), 'which is told of')
    tap.same(cp.get(uri('meshes', 'm')).status, 200, 'reads go on')
    os.rename(cp.database + '.away', cp.database)
    tap.same(route(cp, 'a').status, 200, 'back in its place it takes writes')
    cp.stop()


def other_user():
    if os.geteuid():
        return tap.skip('another user', 'not root')
    cp = ControlPlane(user='nobody')
    cp.database = cp.path('data/own/mesh.db')
    cp.store = 'sqlite:' + cp.database
    os.chmod(cp.dir, 0o755)
    cp.start()
    tap.same(mesh(cp), [200] * 3, 'workers of another user write')
    own = os.stat(cp.path('data/own'))
    tap.same(own.st_mode & 0o777, 0o700, 'into a directory of their own')
    files = [os.stat(cp.database + s) for s in ('', '-wal', '-shm')]
    tap.same({(f.st_uid, f.st_mode & 0o777) for f in files},
             {(own.st_uid, 0o600)}, 'and files of their own')
    tap.ok(own.st_uid != 0, 'which are not of root')
    cp.stop()
    for s in ('', '-wal', '-shm'):
        if os.path.exists(cp.database + s):
            os.chown(cp.database + s, 0, 0)
    cp.start()
    tap.same(route(cp, 'a').status, 200, 'files that root put there are given '
             'to them')
    cp.stop()
    target = cp.path('target')
    with open(target, 'w'):
        pass
    for s in ('', '-wal', '-shm'):
        if os.path.exists(cp.database + s):
            os.unlink(cp.database + s)
    os.symlink(target, cp.database)
    refused(cp, 'a link', 'cannot be opened')
    tap.same(os.stat(target).st_uid, 0, 'what it leads to is left alone')


def single():
    cp = ControlPlane(master=False, workers=1).start()
    tap.same(mesh(cp), [200] * 3, 'a single process writes inline')
    tap.same(route(cp, 'a').status, 200, 'one after the other')
    tap.same(routes(cp), {'a'}, 'and reads them')
    tap.ok(cp.stop(), 'the end is a clean one')
    clean(cp, 'single')


tap.run(workers_killed, all_killed, reloads, workers_agree, full, read_only,
        damaged, newer, removed, other_user, single)
