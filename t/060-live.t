#!/usr/bin/env python3
#
# The life of a document: how a change gets into force, and that nothing that
# can happen to the file takes the mesh down.  A sidecar that follows its control
# plane into a mistake takes the application with it.

import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

from mesh_test import (Backend, Load, Sidecar, at_end, directory,
                       document, node, tap, wait)


def change(n, ver, doc, name):
    n.put(doc)
    tap.ok(n.at(str(ver)), name, n.errors(5))


def backends():
    return Backend('a'), Backend('b')


def replaced():
    a, b = backends()
    n = Sidecar(document(1, {'a': [a.port]})).start()
    tap.same(n.get().text, 'a', 'first document')

    n.put(document(2, {'b': [b.port]}))
    tap.ok(n.at('2'), 'renamed over')
    tap.same(n.get().text, 'b', 'is in force')

    # at once: one that stays empty for a while is an error
    text = json.dumps(document(3, {'a': [a.port]}))
    with open(n.file, 'w') as f:
        f.write(text)
    tap.ok(n.at('3'), 'written in place')
    tap.same(n.get().text, 'a', 'is in force')

    # the same time and size: only the inode tells, or in place the time of
    # the last change to the inode

    st = os.stat(n.file)
    text = json.dumps(document(4, {'b': [b.port]}))
    tap.same(len(text) - st.st_size, len(str(b.port)) - len(str(a.port)),
             'sizes are as expected')
    text += ' ' * (st.st_size - len(text))
    with open(n.file + '.new', 'w') as f:
        f.write(text)
    os.utime(n.file + '.new', ns=(st.st_atime_ns, st.st_mtime_ns))
    os.rename(n.file + '.new', n.file)
    tap.ok(n.at('4'), 'another inode of the same time and size')

    text = json.dumps(document(5, {'a': [a.port]}))
    text += ' ' * (st.st_size - len(text))
    with open(n.file, 'r+') as f:
        f.write(text)
    os.utime(n.file, ns=(st.st_atime_ns, st.st_mtime_ns))
    tap.ok(n.at('5'), 'in place, of the same time and size')

    # many in a row: the last one wins, whatever the resolution of the clock
    for i in range(6, 106):
        n.put(document(i, {'ab'[i % 2]: [(a, b)[i % 2].port]}))
    tap.ok(n.at('105'), 'a hundred changes at once')
    tap.same(n.get().text, 'b', 'the last is in force')

    # another content under the same version, and the content before it again
    n.put(document(105, {'a': [a.port]}))
    tap.ok(wait(lambda: n.get().text == 'a'), 'same version, other content')
    seq = n.info()['config']['sequence']
    applied = len(n.lines('" applied'))
    n.put(document(105, {'a': [a.port]}))
    n.put(document(105, {'a': [a.port]}))
    tap.ok(not wait(lambda: n.info()['config']['sequence'] != seq, 0.3),
           'same content in another file changes nothing')
    tap.same(len(n.lines('" applied')), applied, 'and logs nothing')

    # a symbolic link that is switched, as in a mounted ConfigMap
    os.mkdir(n.path('one'))
    os.mkdir(n.path('two'))
    for name, ver, port in (('one', 'c1', a), ('two', 'c2', b)):
        with open(n.path(name + '/mesh.json'), 'w') as f:
            json.dump(document(ver, {port.name: [port.port]}), f)
    os.symlink('one', n.path('data'))
    os.symlink('data/mesh.json', n.path('link'))
    os.rename(n.path('link'), n.file)
    tap.ok(n.at('c1'), 'a symbolic link')
    os.symlink('two', n.path('data.new'))
    os.rename(n.path('data.new'), n.path('data'))
    tap.ok(n.at('c2'), 'that is switched')

    tap.same(n.lines(r'\[error\]'), [], 'no errors')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def bad_documents():
    """Each is refused, once, with the path and a reason, while requests go
    on; and the one after it is taken."""
    a, b = backends()
    me = [node('a'), node('b'), node('me')]
    me[2]['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': 'app.local'}}]
    good = document('good', {'a': [a.port]}, virtualNodes=me)

    def changed(**more):
        return json.dumps(document('bad', {'b': [b.port]},
                                   **dict({'virtualNodes': me}, **more)))

    text = changed()
    route = json.loads(text)
    route['routes'][0]['spec']['httpRoute']['match']['prefix'] = 'no-slash'
    ghost = json.loads(text)
    ghost['routes'][0]['spec']['httpRoute']['action']['weightedTargets'][0][
        'virtualNode'] = 'nobody'

    cases = [
        ('no JSON', '{"meshDocument": 1, oops', None),
        ('truncated', text[:len(text) // 2], None),
        ('a byte short', text[:-1], None),
        ('two documents', text + text, None),
        ('a broken rule', json.dumps(route),
         'routes[0].spec.httpRoute.match.prefix: must start with "/"'),
        ('a target that is not there', json.dumps(ghost), 'nobody'),
        ('another mesh', changed(mesh={'meshName': 'other', 'spec': {}}),
         'mesh'),
        ('not its resource', changed(virtualNodes=[node('b')]), 'me'),
        ('another kind of document', changed(meshDocument=2),
         'meshDocument'),
        ('empty', '', 'empty'),
        ('an array', '[]', None),
        ('a string', '"mesh"', None),
        ('binary', os.urandom(4096), None),
        ('NULs', b'\0' * 4096, None),
        ('duplicate keys', text.replace(
            '"version"', '"version": "1", "version"', 1), 'version'),
        ('invalid UTF-8', text.replace('"bad"', '"b\xe9d"', 1)
         .encode('latin-1'), None),
        ('deeply nested', '[' * 100000, None),
        ('larger than max_document_size', text + ' ' * 400000,
         'max_document_size'),
        ('larger than the zone', None, 'zone'),
    ]

    n = Sidecar(good, resource='virtualNode/me', workers=2,
                mesh='zone 1m; max_document_size 300k;').start()
    n.at('good')
    load = Load(n.egress, clients=2)

    for i, (name, bad, reason) in enumerate(cases):

        if name == 'larger than the zone':
            n.mesh = 'zone 1m; max_document_size 10m;'
            n.put(good)
            n.reload()
            n.at('good')
            bad = text + ' ' * 2000000

        before = len(n.lines(r'\[error\].*rejected'))
        count = n.info()['config'].get('rejected', {}).get('count', 0)
        n.put(bad)
        tap.ok(wait(lambda: n.info()['config'].get('rejected', {})
                    .get('count', 0) > count), '%s: is refused' % name,
               n.errors(3))
        config = n.info()['config']
        tap.ok(reason is None or reason in config['rejected']['reason'],
               '%s: for its reason' % name, config)
        tap.same(config['version'], 'good', '%s: the last good stays' % name)
        dump = json.loads(n.page('/config_dump').body)
        tap.same((dump['document'], dump['config']['rejected']['reason']),
                 (good, config['rejected']['reason']),
                 '%s: /config_dump' % name)
        # the status comes first, and another worker may have told it
        wait(lambda: len(n.lines(r'\[error\].*rejected')) > before)
        load.more(20)
        if reason != 'max_document_size':       # that one is not even read
            os.utime(n.file)
            load.more(50)
        lines = n.lines(r'\[error\].*rejected')[before:]
        tap.same(len(lines), 1, '%s: is logged once' % name)
        tap.ok(all(n.file in x and '"good" stays in force' in x
                   and config['rejected']['reason'][:80] in x for x in lines),
               '%s: with path and reason' % name, '\n'.join(lines))

    change(n, 'next', document('next', {'b': [b.port]}, virtualNodes=me),
           'the one after is taken')
    load.more(10)
    load.stop()
    tap.same(load.failures, [], 'no request failed')
    tap.ok(load.answers.get('b'), 'and the new one answers')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def sources():
    """What can be wrong with the file rather than with what is in it."""
    a, b = backends()
    n = Sidecar(document(1, {'a': [a.port]}), workers=2).start()
    n.at('1')
    load = Load(n.egress, clients=2)

    def fails(name, reason):
        # between two states of the file it may be missing for a moment
        tap.ok(wait(lambda: reason in n.info()['config'].get('source_error',
                                                             '')),
               name + ': shows', n.errors(3))
        error = n.info()['config'].get('source_error', '')
        tap.ok(n.file in error and reason in error, name + ': as it is', error)
        load.more(50)
        tap.same(n.version(), '1', name + ': the document stays')

    def back(name, doc):
        n.put(doc)
        tap.ok(wait(lambda: 'source_error' not in n.info()['config']),
               name + ': is over')

    os.unlink(n.file)
    fails('deleted', 'No such file')
    tap.same(len(n.lines(r'\[error\].*No such file')), 1,
             'deleted: logged once')
    back('deleted', document(1, {'a': [a.port]}))
    tap.ok(n.logged('can be read again'), 'deleted: and logged')

    os.unlink(n.file)
    os.mkdir(n.file)
    fails('a directory', 'not a regular file')
    os.rmdir(n.file)
    back('a directory', document(1, {'a': [a.port]}))

    os.unlink(n.file)
    os.mkfifo(n.file)
    fails('a fifo', 'not a regular file')
    os.unlink(n.file)
    back('a fifo', document(1, {'a': [a.port]}))

    os.unlink(n.file)
    os.symlink(n.file, n.file)
    fails('a loop of links', 'symbolic links')
    os.unlink(n.file)
    back('a loop of links', document(1, {'a': [a.port]}))

    os.rename(n.file, n.file + '.away')
    os.symlink('/dev/zero', n.file)
    fails('a device', 'not a regular file')
    os.unlink(n.file)
    back('a device', document(1, {'a': [a.port]}))

    change(n, 2, document(2, {'b': [b.port]}), 'and a change afterwards')
    load.more(10)
    load.stop()
    tap.same(load.failures, [], 'no request failed')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')

    n = Sidecar(document(1, {'a': [a.port]}),
                user='nobody' if os.geteuid() == 0 else None)
    n.start()
    n.at('1')
    os.chmod(n.file, 0)
    text = n.file + '.new'
    with open(text, 'w') as f:
        json.dump(document(2, {'b': [b.port]}), f)
    os.chmod(text, 0)
    os.rename(text, n.file)
    tap.ok(wait(lambda: 'Permission denied'
                in n.info()['config'].get('source_error', '')),
           'unreadable: shows', n.errors(3))
    tap.same((n.version(), n.get().text), ('1', 'a'),
             'unreadable: the document stays')
    os.chmod(n.file, 0o644)
    tap.ok(n.at('2'), 'and a change of mode alone is seen')


def unknown_members():
    a, _ = backends()
    doc = document(1, {'a': [a.port]}, newThing={'x': [1, {}]}, another=1)
    doc['virtualNodes'][0]['comment'] = 'hello'
    n = Sidecar(doc, workers=3).start()
    tap.ok(n.at('1'), 'unknown members do no harm')
    tap.same(n.get().text, 'a', 'requests pass')
    lines = n.lines(r'\[warn\].*unknown members')
    tap.same(len(lines), 1, 'one warning')
    tap.ok('3 unknown' in ''.join(lines), 'with their number', lines)


WRITER = '''
import select, sys, time
longest = i = 0
texts = [open(name).read() for name in sys.argv[2:]]
while not select.select([sys.stdin], [], [], 0)[0]:
    text = texts[i % len(texts)]
    begin = time.monotonic()
    with open(sys.argv[1], "w") as f:
        for part in range(0, len(text), 16384):
            f.write(text[part:part + 16384])
            f.flush()
    longest = max(longest, time.monotonic() - begin)
    i += 1
print(longest)
'''


def writer_loop():
    """A writer that is never done: what is in force is always one whole
    document, and no half of one is complained about."""
    a, b = backends()
    n = Sidecar(document(0, {'a': [a.port]}), workers=2).start()
    n.at('0')
    load = Load(n.egress, clients=2)
    for i, x in ((1, a), (2, b), (3, a)):
        with open(n.path('text%d' % i), 'w') as f:
            json.dump(document('v%d' % i, {x.name: [x.port]},
                               padding=['x' * 1000] * 30 * i), f)

    # tells how long the file was incomplete at most
    writer = subprocess.Popen([sys.executable, '-c', WRITER, n.file]
                              + [n.path('text%d' % i) for i in (1, 2, 3)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    at_end(writer.kill)
    load.more(1500, 30)
    longest = float(writer.communicate()[0])
    load.more(10)
    load.stop()
    tap.same(load.failures, [], 'a busy writer fails no request')
    tap.same(set(load.answers) - {'a', 'b'}, set(), 'all answers are right')
    n.put(document('end', {'b': [b.port]}))
    tap.ok(n.at('end'), 'and the end is taken')
    lines = n.lines(r'\[error\].*rejected')
    tap.ok(not lines or longest > 0.09, 'no half was complained of',
           'it was incomplete for %.3f s at most' % longest, *lines)
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def all_workers():
    a, b = backends()
    n = Sidecar(document(1, {'a': [a.port]}), workers=4).start()
    n.at('1')

    def versions(ver):
        seen = {}
        for _ in range(4000):
            info = n.info()['worker']
            seen[info['pid']] = info.get('version')
            if len(seen) == 4:
                break
        return len(seen) == 4 and set(seen.values()) == {ver}

    tap.ok(wait(lambda: versions('1')), 'in force in four workers')

    # a request that comes after the first one on a new document meets it too
    for i in range(2, 22):
        port = (a, b)[i % 2].port
        n.put(document(i, {'ab'[i % 2]: [port]}))
        if not wait(lambda: n.get().text == 'ab'[i % 2]):
            tap.ok(False, 'version %d was taken' % i)
        late = [r for r in (n.get().text for _ in range(40))
                if r != 'ab'[i % 2]]
        if late:
            break
    tap.same(late, [], 'once seen, a document is in force everywhere')
    tap.ok(versions('21'), 'in four workers')

    # but the first, which is whose turn it is at the start; and one that gets
    # no time to run for seconds is replaced, which it says

    pids = {int(re.search(r' (\d+)#', x).group(1))
            for x in n.lines('" applied')[1:]}
    taken = n.lines('looks after the configuration, since')
    tap.ok(1 <= len(pids) <= 1 + len(taken), 'one worker does the work', pids,
           *taken)
    tap.ok(n.stop(), 'ends')


def large_document():
    """One too large to be built at once is in force in all workers too."""
    a, b = backends()
    n = Sidecar(document(1, {'a': [a.port]}), workers=3).start()
    load = Load(n.egress, clients=2)
    filler = {'n%d' % i: ['10.%d.%d.%d' % (i, j // 250, 1 + j % 250)
                          for j in range(500)] for i in range(40)}
    doc = document('big', {'b': [b.port]})
    doc['virtualNodes'] += [node(x) for x in filler]
    doc['endpoints'].update({x: [{'ip': ip} for ip in ips]
                             for x, ips in filler.items()})
    n.put(doc)
    tap.ok(n.at('big', 20), 'a large document')
    tap.ok(wait(lambda: all(n.get().text == 'b' for _ in range(50))),
           'is in force in all workers')
    load.more(10)
    load.stop()
    tap.same(load.failures, [], 'no request failed')
    tap.same(n.page('/clusters').text.count('::zone::'), 20001,
             'with all endpoints')
    tap.ok(n.stop(), 'ends')
    tap.same(n.bad(), [], 'no alerts')


def last_known_good():
    a, b = backends()
    keep = directory() + '/state'
    mesh = 'state %s;' % keep
    n = Sidecar(document('kept', {'a': [a.port]}), mesh=mesh).start()
    tap.ok(wait(lambda: os.path.isdir(keep)
                and [x for x in os.listdir(keep) if '.tmp' not in x]),
           'the directory is made, the document kept', n.errors(5))
    tap.ok(wait(lambda: len(os.listdir(keep)) == 1), 'one file')
    state = os.path.join(keep, os.listdir(keep)[0])
    tap.ok(wait(lambda: os.path.getsize(state) > 100), 'not an empty one')
    tap.same(os.stat(state).st_mode & 0o077, 0, 'which is private')
    before = open(state, 'rb').read()
    n.put(document('later', {'a': [a.port]}))
    n.at('later')
    tap.ok(wait(lambda: b'later' in open(state, 'rb').read()),
           'a change is kept as well')
    n.put('{"bad"')
    tap.ok(n.logged('rejected'), 'a bad one is refused')
    tap.ok(b'later' in open(state, 'rb').read(), 'and not kept')
    tap.ok(n.stop(), 'ends')
    saved = open(state, 'rb').read()

    def cold(name, put, log, version='later', source='last-known-good',
             workers=2, **kw):
        m = Sidecar(mesh='state %s;' % kw.pop('state', keep),
                    workers=workers, **kw)
        if put is not None:
            m.put(put)
        m.start()
        if version:
            tap.ok(m.at(version), name + ': starts', m.errors(8))
            tap.same(m.info()['config']['source'], source,
                     name + ': from ' + source)
            tap.same(m.get().text, 'a', name + ': requests pass')
        else:
            tap.same(m.page('/ready').status, 503, name + ': is not ready')
        if log:
            lines = m.logged(log, 5) or []
            tap.same(len(lines), 1, name + ': is logged once')
        return m

    for name, put in (('missing', None), ('bad', '{"x'), ('empty', '')):
        m = cold('cold start, source %s' % name, put,
                 'starting with the last known good')
        if put is None:
            tap.ok('source_error' in m.info()['config'], 'which shows')
        m.put(document('new', {'b': [b.port]}))
        tap.ok(m.at('new'), 'and a source that is back is taken')
        tap.same(m.info()['config']['source'], 'file', 'as the source')
        tap.ok(wait(lambda: b'new' in open(state, 'rb').read()), 'and kept')
        tap.ok(m.stop(), 'ends')
        tap.same(m.bad(), [], 'no alerts')
        open(state, 'wb').write(saved)

    m = cold('source back with the same content', None, None)
    m.put(document('later', {'a': [a.port]}))
    tap.ok(wait(lambda: m.info()['config']['source'] == 'file'),
           'the source counts again')
    m.stop()

    broken = {
        'cut': saved[:len(saved) // 2],
        'empty': b'',
        'one bit': saved[:-20] + bytes([saved[-20] ^ 1]) + saved[-19:],
        'another kind of file': b'#!/bin/sh\nexit 0\n',
        'no file of ours': os.urandom(3000),
    }
    for name, text in broken.items():
        open(state, 'wb').write(text)
        m = cold('corrupt state (%s)' % name, None,
                 'last-known-good file .* is not used', version=None)
        m.put(document('new', {'a': [a.port]}))
        tap.ok(m.at('new'), 'and the source helps')
        tap.ok(wait(lambda: b'new' in open(state, 'rb').read()),
               'a good one replaces it')
        tap.ok(m.stop(), 'ends')
    open(state, 'wb').write(saved)

    shutil.rmtree(keep)
    m = cold('no state, no source', None, None, version=None)
    shutil.rmtree(keep, ignore_errors=True)
    m.put(document('new', {'a': [a.port]}))
    tap.ok(m.at('new'), 'a state directory that vanished does no harm')
    tap.ok(m.logged('was not written'), 'but is logged')
    tap.ok(m.stop(), 'ends')

    with open(keep, 'w') as f:
        f.write('a file')
    m = cold('the directory is a file', document('x', {'a': [a.port]}),
             'was not written', version='x', source='file')
    tap.ok(m.stop(), 'ends')
    os.unlink(keep)

    if os.geteuid() == 0:
        os.mkdir(keep, 0o700)
        os.chmod(keep, 0o500)
        locked = directory() + '/x'
        os.mkdir(locked)
        os.chmod(locked, 0o555)
        m = cold('not writable', document('x', {'a': [a.port]}), None,
                 version='x', source='file', state=locked + '/deep/state',
                 user='nobody')
        tap.ok(m.logged('was not written|no last-known-good file'),
               'not writable: is logged', m.errors(5))
        tap.ok(m.stop(), 'ends')

        n = Sidecar(document('nobody', {'a': [a.port]}), user='nobody',
                    mesh='state %s;' % (directory() + '/state')).start()
        tap.ok(n.at('nobody'), 'workers of another user')
        tap.ok(wait(lambda: os.listdir(n.mesh[6:-1])),
               'may write the state', n.errors(5))
    else:
        tap.skip('workers of another user', 'not root')

    tap.ok(before, 'state was there')


def test_configuration():
    """nginx -t: says nothing of the source, writes nothing."""
    a, _ = backends()
    keep = directory() + '/state'
    n = Sidecar('{"bad', mesh='state %s;' % keep)
    before = sorted(os.listdir(n.dir))
    code, text = n.test()
    tap.same(code, 0, 'nginx -t does not look at the source')
    tap.ok('successful' in text and '[error]' not in text, 'and is quiet',
           text)
    tap.ok(not os.path.exists(keep), 'no state directory is made')
    os.unlink(n.file)
    code, text = n.test()
    tap.same(code, 0, 'nor whether it is there')
    tap.same(sorted(set(os.listdir(n.dir)) - set(before)
                    - {'nginx.conf', 'temp', 'nginx.pid'}), [],
             'nothing is written')

    n.put(document(1, {'a': [a.port]}))
    n.start()
    n.at('1')
    load = Load(n.egress, clients=2)
    seq = n.info()['config']['sequence']
    for _ in range(3):
        tap.same(n.test()[0], 0, 'nginx -t beside one that runs')
    load.more(20)
    load.stop()
    tap.same(n.info()['config']['sequence'], seq, 'changes nothing there')
    tap.same(load.failures, [], 'fails no request')


def interval():
    """The default interval of a second, and one that is never."""
    a, b = backends()
    n = Sidecar(document(1, {'a': [a.port]}), interval='1s').start()
    n.at('1')
    n.put(document(2, {'b': [b.port]}))
    tap.ok(n.at('2', 5), 'interval=1s')

    n = Sidecar(document(1, {'a': [a.port]}), interval='1h').start()
    n.at('1')
    # the agent may look for the first time after this one was written
    n.put(document(2, {'b': [b.port]}))
    wait(lambda: n.version() == '2', 2)
    n.put(document(3, {'b': [b.port]}))
    tap.ok(not wait(lambda: n.version() == '3', 0.3),
           'interval=1h is waited for')
    tap.ok(n.stop(), 'and does not hold the end up')


tap.run(replaced, bad_documents, sources, unknown_members, writer_loop,
        all_workers, large_document, last_known_good, test_configuration,
        interval)
