"""Spans as Google's protobuf reads them: a second opinion on what a collector
gets, from messages with the names and numbers of opentelemetry-proto (trace,
common and resource, version 1).

    mesh_otlp_proto.spans(body)     # [{...}], or ValueError; see HERE
"""

try:
    from google.protobuf import (descriptor_pb2, descriptor_pool,
                                 message, message_factory)
    HERE = True
except ImportError:
    HERE = False

# message: "number name type", ">" for one of these messages, "*" for several
MESSAGES = {
    'Request': '1 resource_spans *ResourceSpans',
    'ResourceSpans': '1 resource >Resource, 2 scope_spans *ScopeSpans, '
                     '3 schema_url STRING',
    'Resource': '1 attributes *KeyValue, 2 dropped_attributes_count UINT32',
    'ScopeSpans': '1 scope >Scope, 2 spans *Span, 3 schema_url STRING',
    'Scope': '1 name STRING, 2 version STRING, 3 attributes *KeyValue, '
             '4 dropped_attributes_count UINT32',
    'Span': '1 trace_id BYTES, 2 span_id BYTES, 3 trace_state STRING, '
            '4 parent_span_id BYTES, 5 name STRING, 6 kind INT32, '
            '7 start_time_unix_nano FIXED64, 8 end_time_unix_nano FIXED64, '
            '9 attributes *KeyValue, 10 dropped_attributes_count UINT32, '
            '11 events *Event, 12 dropped_events_count UINT32, '
            '13 links *Link, 14 dropped_links_count UINT32, '
            '15 status >Status, 16 flags FIXED32',
    'Event': '1 time_unix_nano FIXED64, 2 name STRING, 3 attributes *KeyValue, '
             '4 dropped_attributes_count UINT32',
    'Link': '1 trace_id BYTES, 2 span_id BYTES, 3 trace_state STRING, '
            '4 attributes *KeyValue, 5 dropped_attributes_count UINT32, '
            '6 flags FIXED32',
    'Status': '2 message STRING, 3 code INT32',
    'KeyValue': '1 key STRING, 2 value >AnyValue',
    'AnyValue': '1 string_value STRING, 2 bool_value BOOL, 3 int_value INT64, '
                '4 double_value DOUBLE, 5 array_value >ArrayValue, '
                '6 kvlist_value >KeyValueList, 7 bytes_value BYTES',
    'ArrayValue': '1 values *AnyValue',
    'KeyValueList': '1 values *KeyValue',
}


def build():
    """The class of a request."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name='mesh_otlp.proto', package='mesh', syntax='proto3')
    for name, members in MESSAGES.items():
        m = file.message_type.add(name=name)
        if name == 'AnyValue':
            m.oneof_decl.add(name='value')
        for number, member, kind in (s.split() for s in members.split(', ')):
            f = m.field.add(name=member, number=int(number),
                            label=field.LABEL_REPEATED if kind[0] == '*'
                            else field.LABEL_OPTIONAL)
            if kind[0] in '*>':
                f.type = field.TYPE_MESSAGE
                f.type_name = '.mesh.' + kind[1:]
            else:
                f.type = getattr(field, 'TYPE_' + kind)
            if name == 'AnyValue':
                f.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName('mesh.Request')
    if hasattr(message_factory, 'GetMessageClass'):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)


Request = build() if HERE else None


def value_of(value):
    kind = value.WhichOneof('value')
    if kind is None:
        raise ValueError('an attribute without a value')
    if kind == 'array_value':
        return [value_of(v) for v in value.array_value.values]
    return getattr(value, kind)


def attributes(pairs):
    found = {p.key: value_of(p.value) for p in pairs}
    if len(found) != len(pairs):
        raise ValueError('an attribute twice')
    return found


def spans(body):
    request = Request()
    try:
        request.ParseFromString(body)
    except message.DecodeError as e:
        raise ValueError('protobuf: %s' % e) from e
    size = request.ByteSize()
    request.DiscardUnknownFields()
    if request.ByteSize() != size:
        raise ValueError('protobuf: a field that is not known')
    return [{'trace_id': s.trace_id.hex(), 'span_id': s.span_id.hex(),
             'parent': s.parent_span_id.hex(), 'name': s.name, 'kind': s.kind,
             'start': s.start_time_unix_nano, 'end': s.end_time_unix_nano,
             'flags': s.flags, 'state': s.trace_state,
             'failed': s.status.code == 2,
             'attributes': attributes(s.attributes),
             'resource': attributes(rs.resource.attributes)}
            for rs in request.resource_spans
            for scope in rs.scope_spans for s in scope.spans]
