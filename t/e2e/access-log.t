#!/usr/bin/env python3
#
# The access log of the spec: every line whole and once, whatever happens to
# the file, and no request that waits for it.

import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../lib'))

from mesh_test import (SLOW, Backend, Sidecar, at_end, directory, document,
                       request, tap, wait)

JSON = [{'key': 'id', 'value': '%REQ(X-ID)%'},
        {'key': 'path', 'value': '%REQ(:PATH)%'},
        {'key': 'status', 'value': '%RESPONSE_CODE%'},
        {'key': 'host', 'value': '%UPSTREAM_HOST% of %UPSTREAM_CLUSTER%'}]


def spec(app, version, path, **form):
    """A document in which the proxy is "me", with a log."""
    log = {'path': path}
    if form:
        log['format'] = form
    doc = document(version, {'a': [app.port]})
    doc['virtualNodes'].append({'virtualNodeName': 'me', 'spec': {
        'backends': [{'virtualService': {'virtualServiceName': 'app.local'}}],
        'logging': {'accessLog': {'file': log}},
        'serviceDiscovery': {'dns': {'hostname': 'me.internal'}}}})
    return doc


def start(doc, **kw):
    n = Sidecar(doc, resource='virtualNode/me', **kw).start()
    n.at(doc['version'])
    return n


class Storm:
    """Clients whose requests have a number each."""

    def __init__(self, n, clients=4, path='/'):
        self.n = n
        self.path = path
        self.ids = []
        self.failures = []
        self.slowest = 0
        self.stopping = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.client, args=(i,),
                                         daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def client(self, number):
        import http.client
        c = http.client.HTTPConnection('127.0.0.1', self.n.egress,
                                       timeout=20 * SLOW)
        i = 0
        while not self.stopping:
            i += 1
            name = '%d-%d' % (number, i)
            begin = time.monotonic()
            try:
                r = request(self.n.egress, self.path, host='app.local',
                            headers={'X-ID': name}, connection=c)
            except (OSError, http.client.HTTPException) as e:
                self.failures.append(repr(e))
                return
            took = time.monotonic() - begin
            with self.lock:
                self.ids.append(name)
                self.slowest = max(self.slowest, took)
                if r.status != 200:
                    self.failures.append(r.status)
        c.close()

    def more(self, n):
        want = len(self.ids) + n
        return wait(lambda: len(self.ids) >= want or self.failures, 60)

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join(30 * SLOW)
        return self


def lines(*paths):
    found = []
    for path in paths:
        if os.path.exists(path):
            with open(path, errors='backslashreplace') as f:
                found += f.read().splitlines(True)
    return found


def check(storm, found, name, parse=json.loads):
    """Each request of a storm has its line."""
    whole = [x for x in found if x.endswith('}\n')]
    tap.same(len(whole), len(found), name + ': every line has its end')
    ids = sorted(parse(x)['id'] for x in whole)
    tap.ok(ids == sorted(storm.ids), name + ': %d requests, each has its line'
           % len(storm.ids), 'lines: %d, not logged: %d' %
           (len(ids), len(set(storm.ids) - set(ids))))
    tap.same(storm.failures, [], name + ': all were answered')


def storm():
    app = Backend()
    path = directory() + '/access.log'
    n = start(spec(app, 1, path, json=JSON), workers=4)
    s = Storm(n, 8, '/x?y="\\')
    s.more(2000)
    s.stop()
    tap.ok(wait(lambda: len(lines(path)) >= len(s.ids)),
           'storm: lines are written within a second or so')
    check(s, lines(path), 'storm')
    r = json.loads(lines(path)[0])
    tap.same((r['status'], r['path'], r['host']),
             (200, '/x?y="\\', '127.0.0.1:%d of cds_egress_m_a_http_8080'
              % app.port), 'storm: what is in a line')
    tap.ok(n.stop(), 'storm: ends')
    tap.same(n.bad(), [], 'storm: no alerts')


def quit_writes():
    """What is in the buffers is written when a worker ends."""
    for sig in (signal.SIGQUIT, signal.SIGTERM):
        app = Backend()
        path = directory() + '/access.log'
        n = start(spec(app, 1, path, json=JSON), workers=2)
        s = Storm(n, 2)
        s.more(50)
        s.stop()
        n.stop(sig)
        check(s, lines(path), sig.name)


def rotation():
    app = Backend()
    path = directory() + '/access.log'
    n = start(spec(app, 1, path, json=JSON), workers=4)
    s = Storm(n)
    names = []
    for i in range(6):
        s.more(150)
        names.append('%s.%d' % (path, i))
        if not wait(lambda: os.path.exists(path)):
            break
        os.rename(path, names[-1])
        n.send(signal.SIGUSR1)
        wait(lambda: os.path.exists(path))
    s.more(150)
    s.stop()
    n.stop()
    check(s, lines(path, *names), 'USR1')
    tap.ok(all(lines(x) for x in [path] + names), 'USR1: lines in each file')
    tap.same(n.bad(), [], 'USR1: no alerts')
    tap.same(stat.S_IMODE(os.stat('/dev/null').st_mode)
             | os.stat('/dev/null').st_uid, 0o666, 'USR1: /dev/null as it was')


def reload():
    """Old and new workers append to one file."""
    app = Backend()
    path = directory() + '/access.log'
    n = start(spec(app, 1, path, json=JSON), workers=2)
    done = []
    for i in range(3):
        for k in range(40):
            name = '%d-%d' % (i, k)
            if n.get(headers={'X-ID': name}).status == 200:
                done.append(name)
        tap.ok(n.reload(), 'reload %d' % i)
    n.stop()
    ids = sorted(json.loads(x)['id'] for x in lines(path))
    tap.same(ids, sorted(done), 'reload: each request has its line')


def swap():
    """Formats and files change under load; a wrong format changes nothing."""
    app = Backend()
    place = directory()
    n = start(spec(app, 1, place + '/0.log', json=JSON), workers=4)
    s = Storm(n)
    for i in range(2, 12):
        s.more(60)
        if i % 2:
            n.put(spec(app, i, '%s/%d.log' % (place, i % 3), json=JSON))
        else:
            n.put(spec(app, i, '%s/%d.log' % (place, i % 3),
                       text='{"id":"%REQ(X-ID)%","v":' + str(i) + '}\n'))
        tap.ok(n.at(str(i)), 'swap: version %d' % i)
    n.put(spec(app, 99, place + '/0.log', text='a %NOBODY%\n'))
    tap.ok(n.logged(r'rejected.*file\.format\.text: unknown operator '
                    r'"NOBODY" at offset 2'), 'swap: a wrong one is refused')
    s.more(60)
    s.stop()
    tap.same(n.version(), '11', 'swap: the last good one is in force')
    n.stop()
    check(s, lines(*['%s/%d.log' % (place, i) for i in range(3)]), 'swap')


def unused_files():
    """What no document names any more is closed."""
    app = Backend()
    place = directory()
    n = start(spec(app, 1, place + '/first.log', json=JSON), workers=1)
    n.get()
    opened = lambda: [x for x in (
        os.path.realpath('/proc/%d/fd/%s' % (n.worker_pids()[0], fd))
        for fd in os.listdir('/proc/%d/fd' % n.worker_pids()[0]))
        if x.startswith(place)]
    tap.ok(wait(lambda: opened() == [place + '/first.log']),
           'files: the first is open')
    n.put(spec(app, 2, place + '/second.log', json=JSON))
    n.at('2')
    n.get()
    tap.ok(wait(lambda: opened() == [place + '/second.log'], 40, 0.2),
           'files: the first is closed')
    n.stop()


def blocked(path):
    """A pipe that is full, and nobody reads."""
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(fd, 1031, 4096)                 # F_SETPIPE_SZ
    return fd


def fifo():
    app = Backend()
    place = directory()
    os.mkfifo(place + '/nobody')
    n = start(spec(app, 1, place + '/nobody', json=JSON), workers=2)
    s = Storm(n)
    s.more(400)
    s.stop()
    tap.same(s.failures, [], 'pipe without a reader: all were answered')
    # one that waited would do so until there is a reader
    tap.ok(s.slowest < 10 * SLOW, 'pipe without a reader: at once, %.0f ms'
           % (s.slowest * 1000))
    # all connections may have gone to one of the workers
    told = [re.search(r' (\d+)#', line).group(1)
            for line in n.logged(r'open\(\) of access log')]
    tap.ok(told and len(told) == len(set(told)),
           'pipe without a reader: each worker says so once', told)

    # a reader comes: what was kept is read, and what follows
    fd = os.open(place + '/nobody', os.O_RDONLY | os.O_NONBLOCK)
    s2 = Storm(n)
    s2.more(100)
    s2.stop()
    got = drain(fd, lambda data: b'"id":"%s"' % s2.ids[-1].encode() in data)
    os.close(fd)
    text = [x for x in got.decode().splitlines(True)]
    tap.ok(text and all(x.endswith('}\n') and json.loads(x) for x in text),
           'pipe: whole lines for the reader, %d' % len(text))
    n.stop()


def drain(fd, enough, timeout=10):
    data = [b'']

    def more():
        try:
            data[0] += os.read(fd, 65536)
        except BlockingIOError:
            pass
        return enough(data[0])

    wait(more, timeout)
    return data[0]


def stopped_reader():
    app = Backend()
    place = directory()
    fd = blocked(place + '/pipe')
    n = start(spec(app, 1, place + '/pipe', json=[
        {'key': 'id', 'value': '%REQ(X-ID)%'},
        {'key': 'long', 'value': 'x' * 100}]), workers=2)
    s = Storm(n)
    s.more(2500)
    s.stop()
    tap.same(s.failures, [], 'stopped reader: all were answered')
    tap.ok(s.slowest < 10 * SLOW, 'stopped reader: at once, %.0f ms'
           % (s.slowest * 1000))

    # it goes on: no part of a line was lost or doubled, some lines were
    n.send(signal.SIGQUIT)
    got = drain(fd, lambda data: n.process.poll() is not None).decode()
    got += drain(fd, lambda data: True, 1).decode()
    text = got.splitlines(True)
    ids = [json.loads(x)['id'] for x in text if x.endswith('}\n')]
    tap.ok(len(ids) == len(text) and len(ids) > 10,
           'stopped reader: %d whole lines are left' % len(ids))
    tap.ok(len(set(ids)) == len(ids) and set(ids) < set(s.ids),
           'stopped reader: of %d requests' % len(s.ids))
    os.close(fd)


def standard_output():
    """As a user who may not open it."""
    app = Backend()
    r, w = os.pipe()
    n = Sidecar(spec(app, 1, '/dev/stdout', json=JSON), workers=2,
                resource='virtualNode/me', user='nobody')
    n.stdout = w
    os.chmod(n.dir, 0o777)
    n.start()
    os.close(w)
    s = Storm(n, 2)
    s.more(60)
    s.stop()
    n.send(signal.SIGUSR1)
    tap.ok(n.logged('reopening logs'), 'stdout: USR1')
    os.set_blocking(r, False)
    data = drain(r, lambda data: data.count(b'\n') >= len(s.ids))
    tap.ok(n.stop(), 'stdout: ends')
    data += drain(r, lambda data: True, 1)
    os.close(r)
    check(s, data.decode().splitlines(True), 'stdout')
    tap.same(n.bad(), [], 'stdout: no alerts')


def counters(n):
    """Lines written and dropped, as the proxy counts them."""
    text = n.page('/stats').text
    return tuple(int(re.search(r'log_%s_total: (\d+)' % x, text).group(1))
                 for x in ('written', 'dropped'))


def accounts():
    """Each request is a line that was written or one that was dropped."""
    app = Backend()
    place = directory()

    # nobody ever reads
    os.mkfifo(place + '/nobody')
    n = start(spec(app, 1, place + '/nobody', json=JSON
                   + [{'key': 'x', 'value': 'y' * 100},
                      {'key': 'z', 'value': 'z' * 100}]), workers=2)
    s = Storm(n)
    s.more(1500)
    s.stop()
    written, dropped = counters(n)
    tap.ok(written == 0 and 0 < dropped < len(s.ids),
           'accounts: of %d lines for nobody %d were dropped, the others wait'
           % (len(s.ids), dropped))

    # the log has another file: nothing waits for the first any more
    other = spec(app, 2, place + '/other', json=JSON)
    n.put(other)
    tap.ok(wait(lambda: counters(n) == (0, len(s.ids)), 40, 0.2),
           'accounts: all of them, once the log has another file',
           counters(n), len(s.ids))
    n.stop()

    # a pipe that is full, and is read later
    fd = blocked(place + '/pipe')
    n = start(spec(app, 1, place + '/pipe', json=JSON
                   + [{'key': 'x', 'value': 'y' * 100},
                      {'key': 'z', 'value': 'z' * 100}]), workers=2)
    s = Storm(n)
    s.more(1500)
    s.stop()
    got = b''

    def read():
        nonlocal got
        got += drain(fd, lambda data: True, 0.05)
        return sum(counters(n)) == len(s.ids)

    tap.ok(wait(read, 20, 0.05), 'accounts: a slow reader, written + dropped '
           'are all %d' % len(s.ids), counters(n))
    got += drain(fd, lambda data: True, 0.2)
    text = got.decode().splitlines()
    tap.same((len(text), s.failures), (counters(n)[0], []),
             'accounts: and what was written is what was read')
    tap.ok(counters(n)[1] > 0 and all(json.loads(x) for x in text),
           'accounts: whole lines')
    os.close(fd)
    n.stop()


def shared_pipe():
    """Lines of several workers in one pipe, of all lengths up to the longest
    that is written at once, and one that no cut makes short enough."""
    app = Backend()
    r, w = os.pipe()
    doc = spec(app, 1, '/dev/stdout', text='<%REQ(X-ID)% %REQ(X-LONG)%>\n')
    n = Sidecar(doc, workers=4, resource='virtualNode/me')
    n.stdout = w
    n.start()
    n.at('1')
    os.close(w)

    sizes = [0, 7, 100, 1000, 2047, 4000, 4070, 5000]
    data, done = [], []
    reading = threading.Thread(target=lambda: read_to_end(r, data),
                               daemon=True)
    reading.start()

    def client(number):
        for i in range(120):
            name = '%d-%d' % (number, i)
            n.get(headers={'X-ID': name, 'X-LONG':
                           chr(97 + number) * sizes[(i + number) % len(sizes)]})
            done.append(name)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    n.put(dict(doc, version='2', virtualNodes=spec(
        app, 2, '/dev/stdout',
        json=[{'key': str(i), 'value': 'z' * 100} for i in range(45)])
        ['virtualNodes']))
    tap.ok(wait(lambda: sum(counters(n)) == len(done)),
           'shared pipe: all lines are written or dropped', counters(n))
    lost = counters(n)[1]               # the reader may be slow

    def more():                         # some worker may still have the first
        n.get(headers={'X-ID': '9-9'})
        return counters(n)[1] > lost

    tap.ok(wait(more, 10, 0.1),
           'shared pipe: one that cannot be written at once is dropped')
    n.stop()
    reading.join(10 * SLOW)
    text = b''.join(data).decode().splitlines(True)
    tap.same([x for x in text
              if not re.fullmatch(r'<(\d)-\d+ (([a-h])\3*|-?)>\n', x)], [],
             'shared pipe: no line is mixed with another')
    ids = [x[1:].split(' ')[0] for x in text if not x.startswith('<9-9 ')]
    tap.ok(len(ids) == len(done) - lost and set(ids) <= set(done)
           and len(set(ids)) == len(ids),
           'shared pipe: of %d lines all but the %d that were dropped'
           % (len(done), lost))
    tap.ok(max(map(len, text)) <= 4096, 'shared pipe: none is longer than '
           'what is written at once')
    os.close(r)


def shared_with_metrics():
    """Documents for CloudWatch among the lines of the log."""
    for namespace in ('Shop', 'n' * 3500):
        app = Backend()
        r, w = os.pipe()
        # room for all of it: a reader that is slow loses no line
        fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 1 << 20)
        n = Sidecar(spec(app, 1, '/dev/stdout', text='<%REQ(X-LONG)%>\n'),
                    workers=2, resource='virtualNode/me',
                    mesh='metrics_extension on; emf stdout interval=100ms '
                    'namespace=%s;' % namespace)
        n.stdout = w
        n.start()
        n.at('1')
        os.close(w)
        data = []
        reading = threading.Thread(target=lambda: read_to_end(r, data),
                                   daemon=True)
        reading.start()
        for i in range(200):
            n.get(headers={'X-LONG': 'x' * (i * 20)})
        if namespace == 'Shop':
            wait(lambda: b'"HTTPCode_Target_2XX_Count"' in b''.join(data)
                 or b'HTTPCode_Target_2XX_Count' in b''.join(data))
        else:
            tap.ok(n.logged('a document for CloudWatch of .* too long'),
                   'metrics: a document that a pipe would tear is not told')
        n.stop()
        reading.join(10 * SLOW)
        os.close(r)
        text = b''.join(data).decode().splitlines(True)
        logs = [x for x in text if re.fullmatch('<(x*|-)>\n', x)]
        documents = [json.loads(x) for x in text if x not in set(logs)]
        tap.same(len(logs), 200, 'metrics: all lines of the log')
        tap.ok(all('_aws' in x for x in documents)
               and bool(documents) == (namespace == 'Shop'),
               'metrics: whole documents, %d' % len(documents))


def read_to_end(fd, data):
    while True:
        part = os.read(fd, 65536)
        if not part:
            return
        data.append(part)


def not_allowed():
    if os.geteuid() != 0:
        tap.skip('not allowed', 'needs root')
        return
    app = Backend()
    place = directory()
    os.chmod(place, 0o700)
    n = Sidecar(spec(app, 1, place + '/access.log', json=JSON), workers=2,
                resource='virtualNode/me', user='nobody')
    os.chmod(n.dir, 0o777)
    n.start()
    denied = r'open\(\) of access log ".*" failed.*Permission denied'
    s = Storm(n)
    s.more(200)

    def both():                 # its connections may all be of one worker
        n.get(headers={'X-ID': 'more'})
        return len(n.lines(denied)) >= 2

    wait(both)
    time.sleep(2.5)             # several seconds' attempts
    s.stop()
    tap.same(s.failures, [], 'not allowed: all were answered')
    told = [re.search(r' (\d+)#', line).group(1) for line in n.lines(denied)]
    tap.ok(len(told) == 2 and told[0] != told[1],
           'not allowed: said once a worker', told)
    os.chmod(place, 0o777)
    tap.ok(wait(lambda: lines(place + '/access.log')),
           'not allowed: goes on when it is')
    n.stop()
    ids = [json.loads(x)['id'] for x in lines(place + '/access.log')]
    ids = [x for x in ids if x != 'more']
    tap.ok(len(set(ids)) == len(ids) and set(ids) <= set(s.ids),
           'not allowed: with the %d lines that were kept' % len(ids))


def disk_full():
    place = directory()
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs',
                           place], stderr=subprocess.DEVNULL)
    if done.returncode:
        tap.skip('disk full', 'cannot mount a tmpfs')
        return
    at_end(lambda: subprocess.run(['umount', '-l', place],
                                  stderr=subprocess.DEVNULL))
    app = Backend()
    path = place + '/access.log'
    n = start(spec(app, 1, path, json=JSON
                   + [{'key': 'x', 'value': 'y' * 90}]), workers=2)
    s = Storm(n)
    tap.ok(n.logged(r'write\(\) of access log .* failed.*No space', 60),
           'disk full: said')
    s.more(300)
    with open(path, 'r+') as f:         # as a rotation by copy does
        f.truncate(0)
    s.more(100)
    s.stop()
    tap.ok(wait(lambda: lines(path)), 'disk full: goes on')
    n.stop()
    tap.same(s.failures, [], 'disk full: all were answered')
    good = [x for x in lines(path) if x.endswith('}\n')]
    ids = [json.loads(x)['id'] for x in good if x.startswith('{')]
    tap.ok(len(set(ids)) == len(ids) and set(ids) <= set(s.ids) and ids,
           'disk full: %d lines after it' % len(ids))
    tap.ok(len(lines(path)) - len(ids) <= 2, 'disk full: a torn line a worker')


def filters():
    def answer(r):
        status = r.path.strip('/') or '200'
        return ('HTTP/1.1 %s x\r\nContent-Length: 0\r\n\r\n'
                % status).encode()

    app = Backend(answer=answer)
    path = directory() + '/access.log'
    n = start(spec(app, 1, path, text='%RESPONSE_CODE%\n'), mesh='''
access_log_filter status=500-599,404;
access_log_filter duration>=30s status=200;
retry_defaults off;
''')
    for status in (200, 404, 403, 500, 503, 599, 499):
        n.get('/%d' % status)
    n.stop()
    tap.same([x.strip() for x in lines(path)], ['404', '500', '503', '599'],
             'filter: the statuses that were asked for')

    path = directory() + '/access.log'
    n = start(spec(app, 1, path), mesh='spec_access_log off;')
    n.get()
    n.stop()
    tap.ok(not os.path.exists(path), 'spec_access_log off: no file')


def long_lines():
    """A line that a pipe cannot take as a whole is made shorter."""
    app = Backend()
    place = directory()
    os.mkfifo(place + '/pipe')
    fd = os.open(place + '/pipe', os.O_RDWR | os.O_NONBLOCK)
    n = start(spec(app, 1, place + '/pipe', json=[
        {'key': str(i), 'value': '%REQ(X-LONG)%'} for i in range(6)]))
    n.get(headers={'X-LONG': '\u00e9' * 1000})     # as ISO 8859-1
    n.get(headers={'X-LONG': 'short'})
    got = drain(fd, lambda data: data.count(b'\n') >= 2).decode()
    os.close(fd)
    n.stop()
    text = got.splitlines(True)
    tap.same(len(text), 2, 'long lines: both are there')
    tap.ok(all(len(x) <= 4096 for x in text), 'long lines: no longer than a '
           'pipe takes at once')
    r = json.loads(text[0])
    tap.ok(re.fullmatch('\u00e9+', r['5']), 'long lines: values are cut',
           r['5'])


tap.run(storm, quit_writes, rotation, reload, swap, unused_files, fifo,
        stopped_reader, standard_output, accounts, shared_pipe,
        shared_with_metrics, not_allowed, disk_full, filters, long_lines)
