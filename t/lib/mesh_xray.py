"""A daemon of X-Ray that takes segments, and the rules of a segment's document
(AWS X-Ray Developer Guide, "X-Ray segment documents").

Each segment is looked at three times: by the rules here, which know what this
proxy writes, and by those of mesh_xray_schema, which others wrote.
"""

import json
import queue
import re
import socket
import threading

import mesh_test
import mesh_xray_schema

HEADER = {'format': 'json', 'version': 1}

SEGMENT = {'name', 'id', 'trace_id', 'parent_id', 'start_time', 'end_time',
           'in_progress', 'service', 'user', 'origin', 'http', 'aws', 'error',
           'throttle', 'fault', 'cause', 'annotations', 'metadata',
           'subsegments', 'type', 'namespace'}
SUBSEGMENT = SEGMENT - {'service', 'user', 'origin'} | {'namespace', 'sql',
                                                        'precursor_ids'}

NAME = re.compile(r"^[\w\s.:/%&#=+\\\-@]{1,200}$")
KEY = re.compile(r'^[A-Za-z0-9_]{1,500}$')
TRACE_ID = re.compile(r'^1-[0-9a-f]{8}-[0-9a-f]{24}$')
ID = re.compile(r'^[0-9a-f]{16}$')

REQUEST = {'method': str, 'client_ip': str, 'url': str, 'user_agent': str,
           'x_forwarded_for': bool, 'traced': bool}
RESPONSE = {'status': int, 'content_length': int}


def problems(data):
    """What is wrong with a datagram, as a list of strings."""
    found = []
    if len(data) > 65507:
        found.append('larger than a datagram')
    head, sep, body = data.partition(b'\n')
    if not sep or b'\n' in body:
        found.append('not two lines')
    try:
        if json.loads(head) != HEADER:
            found.append('header is %r' % head)
        text = body.decode('utf-8')
        segment = json.loads(text, object_pairs_hook=pairs)
    except ValueError as e:
        return found + ['not JSON in UTF-8: %s' % e]
    return found + check(segment, SEGMENT, '') \
        + mesh_xray_schema.problems(segment, text)


def pairs(items):
    names = [k for k, _ in items]
    if len(names) != len(set(names)):
        raise ValueError('a member is there twice: %s' % names)
    return dict(items)


def check(s, members, where):
    found = []

    def need(good, what):
        if not good:
            found.append('%s%s' % (where, what))

    need(set(s) <= members, 'unknown members %s' % sorted(set(s) - members))
    need(NAME.match(str(s.get('name', ''))), 'name %r' % s.get('name'))
    need(ID.match(str(s.get('id', ''))), 'id %r' % s.get('id'))
    for name in ('start_time', 'end_time'):
        need(isinstance(s.get(name), (int, float)), name)
    need(s.get('start_time', 1) <= s.get('end_time', 0), 'it ends too early')
    if not where:
        need(TRACE_ID.match(str(s.get('trace_id', ''))),
             'trace_id %r' % s.get('trace_id'))
    if 'parent_id' in s:
        need(ID.match(str(s['parent_id'])), 'parent_id %r' % s['parent_id'])
    for name in ('error', 'throttle', 'fault', 'in_progress'):
        if name in s:
            need(isinstance(s[name], bool), '%s is no boolean' % name)
    if 'namespace' in s:
        need(s['namespace'] in ('aws', 'remote'), 'namespace')
    annotations = s.get('annotations', {})
    need(len(annotations) <= 50, 'more than 50 annotations')
    for k, v in annotations.items():
        need(KEY.match(k), 'annotation %r' % k)
        need(isinstance(v, (str, int, float, bool)), 'value of %s' % k)
        need(len(str(v)) <= 1000, 'length of %s' % k)
    http = s.get('http', {})
    need(set(http) <= {'request', 'response'}, 'http has more')
    for part, types in (('request', REQUEST), ('response', RESPONSE)):
        for k, v in http.get(part, {}).items():
            need(k in types and isinstance(v, types[k]),
                 'http.%s.%s is %r' % (part, k, v))
    for i, sub in enumerate(s.get('subsegments', ())):
        found += check(sub, SUBSEGMENT, where + 'subsegments[%d].' % i)
    return found


class Daemon:
    """Takes datagrams; "segments" are those that came, "bad" what was wrong."""

    def __init__(self, port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        mesh_test.receive_buffer(self.socket)
        self.socket.bind(('127.0.0.1', port))
        self.port = self.socket.getsockname()[1]
        self.lock = threading.Lock()
        self.taken = []
        self.bad = []
        mesh_test.at_end(self.close)
        self.arrived = queue.SimpleQueue()
        for part in self.receive, self.run:
            threading.Thread(target=part, daemon=True).start()

    def receive(self):
        """Nothing but this: checks take longer than datagrams do."""
        data = True
        while data:
            try:
                data = self.socket.recv(65536)
            except OSError:
                data = None
            self.arrived.put(data)

    def run(self):
        while True:
            data = self.arrived.get()
            if not data:
                return
            try:
                wrong = problems(data)
            except Exception as e:      # or all that come after it were lost
                wrong = ['its check came to its end: %r' % e]
            with self.lock:
                self.bad += ['%s: %.300r' % (w, data) for w in wrong]
                if not wrong:
                    self.taken.append(json.loads(data.partition(b'\n')[2]))

    @property
    def segments(self):
        with self.lock:
            return list(self.taken)

    def wait(self, n, **want):
        """The first n segments whose annotations are so."""
        def found():
            s = [s for s in self.segments
                 if all(s['annotations'].get(k) == v for k, v in want.items())]
            return s if len(s) >= n else None
        return mesh_test.wait(found) or []

    def clear(self):
        with self.lock:
            self.taken = []

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
