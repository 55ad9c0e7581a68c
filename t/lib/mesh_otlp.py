"""A collector of OpenTelemetry for tests: decodes what it gets, strictly.

    c = Collector()
    side.mesh = 'otlp %s;' % c.url()
    spans = c.wait(3)                       # [Span]
    c.answer = lambda c, r: reply('', '503 Busy')

The decoder knows the fields by the numbers that opentelemetry/proto/trace/v1
gives them; a field that it does not know, or of another wire type, is an error.
Where Google's protobuf is installed it has to have read the same.
"""

import struct
import threading

import mesh_otlp_proto

from mesh_test import Backend, reply, wait

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

# message: {number: (name, wire type, message or kind, repeated)}
MESSAGES = {
    'Request': {1: ('resource_spans', BYTES, 'ResourceSpans', True)},
    'ResourceSpans': {1: ('resource', BYTES, 'Resource', False),
                      2: ('scope_spans', BYTES, 'ScopeSpans', True),
                      3: ('schema_url', BYTES, str, False)},
    'Resource': {1: ('attributes', BYTES, 'KeyValue', True)},
    'ScopeSpans': {1: ('scope', BYTES, 'Scope', False),
                   2: ('spans', BYTES, 'Span', True),
                   3: ('schema_url', BYTES, str, False)},
    'Scope': {1: ('name', BYTES, str, False),
              2: ('version', BYTES, str, False)},
    'Span': {1: ('trace_id', BYTES, bytes, False),
             2: ('span_id', BYTES, bytes, False),
             3: ('trace_state', BYTES, str, False),
             4: ('parent_span_id', BYTES, bytes, False),
             5: ('name', BYTES, str, False),
             6: ('kind', VARINT, int, False),
             7: ('start', FIXED64, int, False),
             8: ('end', FIXED64, int, False),
             9: ('attributes', BYTES, 'KeyValue', True),
             15: ('status', BYTES, 'Status', False),
             16: ('flags', FIXED32, int, False)},
    'Status': {2: ('message', BYTES, str, False),
               3: ('code', VARINT, int, False)},
    'KeyValue': {1: ('key', BYTES, str, False),
                 2: ('value', BYTES, 'AnyValue', False)},
    'AnyValue': {1: ('string', BYTES, str, False),
                 3: ('int', VARINT, int, False),
                 5: ('array', BYTES, 'ArrayValue', False)},
    'ArrayValue': {1: ('values', BYTES, 'AnyValue', True)},
}

SERVER, CLIENT = 2, 3


def varint(data, pos):
    n = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        n |= (byte & 0x7f) << shift
        if byte < 0x80:
            return n, pos
        shift += 7
        if shift > 63:
            raise ValueError('a number of more than 64 bits')


def decode(data, message='Request'):
    fields = MESSAGES[message]
    found = {name: [] for name, _, _, many in fields.values() if many}
    pos = 0
    while pos < len(data):
        tag, pos = varint(data, pos)
        name, wire, kind, many = fields[tag >> 3]
        if tag & 7 != wire:
            raise ValueError('%s.%s of wire type %d' % (message, name, tag & 7))
        if wire == VARINT:
            value, pos = varint(data, pos)
        elif wire == FIXED64:
            value = struct.unpack_from('<Q', data, pos)[0]
            pos += 8
        elif wire == FIXED32:
            value = struct.unpack_from('<I', data, pos)[0]
            pos += 4
        else:
            n, pos = varint(data, pos)
            value = data[pos:pos + n]
            if len(value) != n:
                raise ValueError('%s.%s is cut off' % (message, name))
            pos += n
            if kind is str:
                value = value.decode('utf-8')       # strict
            elif kind is not bytes:
                value = decode(value, kind)
        if many:
            found[name].append(value)
        elif name in found:
            raise ValueError('%s.%s twice' % (message, name))
        else:
            found[name] = value
    return found


def value_of(value):
    (kind, value), = value.items()
    if kind == 'array':
        return [value_of(v) for v in value['values']]
    return value


def attributes(pairs):
    found = {}
    for pair in pairs:
        if pair['key'] in found:
            raise ValueError('attribute %s twice' % pair['key'])
        found[pair['key']] = value_of(pair['value'])
    return found


class Span:
    def __init__(self, fields, resource):
        self.resource = resource
        self.trace_id = fields['trace_id'].hex()
        self.span_id = fields['span_id'].hex()
        self.parent = fields.get('parent_span_id', b'').hex()
        self.name = fields['name']
        self.kind = fields['kind']
        self.start = fields['start']
        self.end = fields['end']
        self.flags = fields.get('flags', 0)
        self.state = fields.get('trace_state', '')
        self.failed = fields.get('status', {}).get('code', 0) == 2
        self.attributes = attributes(fields['attributes'])
        if len(self.trace_id) != 32 or len(self.span_id) != 16:
            raise ValueError('an id of the wrong length')
        if self.parent and len(self.parent) != 16:
            raise ValueError('a parent of the wrong length')

    def __getitem__(self, name):
        return self.attributes.get(name)


def partial(rejected, error):
    """ExportTraceServiceResponse, of less than 128 spans and bytes."""
    inner = bytes([0x08, rejected, 0x12, len(error)]) + error.encode()
    return bytes([0x0a, len(inner)]) + inner


class Collector:
    """answer(request) gives bytes, or None to close the connection; spans are
    those of requests that were answered with 200."""

    def __init__(self, port=0, answer=None):
        self.requests = []
        self.spans = []
        self.batches = []
        self.errors = []
        self.answer = answer
        self.lock = threading.Lock()
        self.backend = Backend('collector', answer=self.take, port=port)
        self.port = self.backend.port

    def url(self, path=''):
        return 'http://127.0.0.1:%d%s' % (self.port, path)

    def take(self, r):
        with self.lock:
            self.requests.append(r)
        answer = self.answer(r) if self.answer else reply(
            b'', headers=[('Content-Type', 'application/x-protobuf')])
        if answer and answer.startswith(b'HTTP/1.1 200'):
            self.read(r.body)
        return answer

    def read(self, body):
        spans = []
        try:
            for rs in decode(body)['resource_spans']:
                resource = attributes(rs['resource']['attributes'])
                for scope in rs['scope_spans']:
                    spans += [Span(s, resource) for s in scope['spans']]
            if mesh_otlp_proto.HERE:
                other = mesh_otlp_proto.spans(body)
                if other != [vars(s) for s in spans]:
                    raise ValueError('protobuf reads it as %.500r' % other)
        except (ValueError, KeyError, IndexError, struct.error) as e:
            self.errors.append(repr(e))
        with self.lock:
            self.batches.append(len(spans))
            self.spans += spans

    def wait(self, n, timeout=20):
        """Until there are n spans, which are given."""
        wait(lambda: len(self.spans) >= n, timeout)
        return list(self.spans)

    def asked(self, n, timeout=20):
        """Until there were n requests."""
        return wait(lambda: len(self.requests) >= n, timeout)

    def close(self):
        self.backend.close()
