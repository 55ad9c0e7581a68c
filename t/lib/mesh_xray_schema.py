"""What others say of a segment's document: X-Ray's published API model, and a
JSON Schema made from its developer guide (t/data/xray-segment.json).

    sources = mesh_xray_schema.sources()    # [Schema, Model, ...]; what is here
    source.name                             # 'the JSON Schema'
    source.problems(segment, text)          # lines; none: it is valid
    mesh_xray_schema.missing()              # [(name, what it takes)]
"""

import functools
import json
import re

import mesh_model

from mesh_test import ROOT

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMA = ROOT + '/t/data/xray-segment.json'
MODEL = {'api': 'xray', 'date': '2016-04-12'}

# a document of the guide, "up to 64 kB"
SIZE = 65536


class Schema:
    name = 'the JSON Schema'

    def __init__(self):
        with open(SCHEMA, encoding='utf-8') as f:
            schema = json.load(f)
        jsonschema.Draft7Validator.check_schema(schema)
        self.validator = jsonschema.Draft7Validator(
            schema, format_checker=jsonschema.FormatChecker())

    def problems(self, segment, text):
        found = ['%s: %.200s' % ('.'.join(str(p) for p in e.absolute_path),
                                 e.message)
                 for e in self.validator.iter_errors(segment)]
        if len(text.encode()) > SIZE:
            found.append('larger than 64 kB')
        return found


class Model:
    """The model has documents as strings; which members they need, and what
    these look like, stands in the documentation of PutTraceSegments."""

    def __init__(self, name, data):
        self.name = name
        self.model = mesh_model.Model(data)
        self.doc = self.model.operations['PutTraceSegments']['documentation']
        fields = re.search(r'Required segment document fields(.*?)</ul>',
                           self.doc, re.S).group(1)
        self.fields = dict(re.findall(
            r'<li> *<p> *<code>(\w+)</code> - (.*?)</p>', fields, re.S))
        self.digits = int(re.search(r'in (\d+) hexadecimal digits',
                                    self.fields['id']).group(1))
        self.parts = [1] + [int(n) for n in re.findall(
            r'in (\d+) hexadecimal digits', self.doc.split('Trace ID Format')[1]
        )]
        if 'end_time' not in self.fields or self.parts != [1, 8, 24]:
            raise ValueError('%s says something else now: %s, %s' % (
                name, sorted(self.fields), self.parts))

    def problems(self, segment, text):
        found = []
        self.model.walk('PutTraceSegmentsRequest',
                        {'TraceSegmentDocuments': [text]}, '', found)
        self.model.walk('Segment', {'Id': segment.get('id'),
                                    'Document': text}, 'Segment', found)
        self.model.walk('TraceId', segment.get('trace_id'), 'trace_id', found)

        for name in set(self.fields) - {'end_time', 'in_progress'}:
            if name not in segment:
                found.append('no %s' % name)
        if ('end_time' in segment) == ('in_progress' in segment):
            found.append('either an end_time or in_progress')
        for name in ('start_time', 'end_time'):
            # seconds, of this century
            if name in segment and not (
                    isinstance(segment[name], (int, float))
                    and 9e8 < segment[name] < 5e9):
                found.append('%s: %r' % (name, segment[name]))

        if not self.hex(segment.get('id'), self.digits):
            found.append('id: %r' % segment.get('id'))
        parts = str(segment.get('trace_id')).split('-')
        if len(parts) != len(self.parts) or parts[0] != '1' or not all(
                self.hex(p, n) for p, n in zip(parts, self.parts)):
            found.append('trace_id: %r' % segment.get('trace_id'))
        return found + self.answer(segment)

    def answer(self, segment):
        """As BatchGetTraces and GetTraceSummaries give back what they read in
        it: the shapes there have the types of its members."""
        found = []
        http = segment.get('http', {})
        request, response = http.get('request', {}), http.get('response', {})
        back = {'HttpURL': request.get('url'),
                'HttpMethod': request.get('method'),
                'UserAgent': request.get('user_agent'),
                'ClientIp': request.get('client_ip'),
                'HttpStatus': response.get('status')}
        self.model.walk('Http', {k: v for k, v in back.items()
                                 if v is not None}, 'http', found)
        for name, member in (('error', 'HasError'), ('fault', 'HasFault'),
                             ('throttle', 'HasThrottle')):
            if name in segment:
                self.model.walk('TraceSummary', {member: segment[name]}, name,
                                found)
        for name, value in segment.get('annotations', {}).items():
            kind = {str: 'String', bool: 'Boolean', int: 'Number',
                    float: 'Number'}.get(type(value))
            if kind is None:
                found.append('annotations.%s: %r' % (name, value))
        return found

    @staticmethod
    def hex(text, digits):
        return re.fullmatch('[0-9a-fA-F]{%d}' % digits, str(text)) is not None


@functools.lru_cache(None)
def sources():
    found = [Schema()] if jsonschema else []
    for name, shared in (('the shared model', True),
                         ("botocore's model", False)):
        data = mesh_model.read(shared=shared, **MODEL)
        if data:
            found.append(Model(name, data))
    return found


def missing():
    here = {s.name for s in sources()}
    return [(name, needs) for name, needs in (
        (Schema.name, 'needs python3-jsonschema'),
        ('the shared model', 'needs MESH_SHARED'),
        ("botocore's model", 'needs python3-botocore')) if name not in here]


def problems(segment, text):
    """What any of the sources has against it."""
    return ['%s: %s' % (s.name, line) for s in sources()
            for line in s.problems(segment, text)]
