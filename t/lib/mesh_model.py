"""The published App Mesh API model (botocore's, from $MESH_SHARED/model or the
package python3-botocore), to make requests from and to check answers against.

    model = mesh_model.load()               # None where there is none
    model.request('CreateMesh', {'meshName': 'm'})
                                            # ('PUT', '/v20190125/meshes', {...})
    model.operation_of('GET', '/v20190125/meshes/m')       # 'DescribeMesh'
    model.violations('DescribeMesh', body)  # what the body of a 200 lacks
"""

import glob
import gzip
import json
import os
import re
import urllib.parse

from mesh_test import SHARED

JSON_TYPES = {'string': str, 'integer': int, 'long': int, 'boolean': bool,
              'timestamp': (int, float), 'list': list, 'structure': dict}


def path(name='service-2', api='appmesh', date='2019-01-25', shared=None):
    """Of one of botocore's files on an API, None if it is not here; "shared"
    says of which of the two places, None: of either."""
    if name == 'service-2' and SHARED and shared is not False:
        found = glob.glob('%s/model/%s-%s.service-2.json' % (SHARED, api, date))
        if found:
            return found[0]
    if shared:
        return None
    try:
        import botocore
    except ImportError:
        return None
    found = glob.glob(os.path.join(os.path.dirname(botocore.__file__), 'data',
                                   api, date, name + '.json*'))
    return found[0] if found else None


def read(name='service-2', **which):
    where = path(name, **which)
    if where is None:
        return None
    opener = gzip.open if where.endswith('.gz') else open
    with opener(where, 'rt', encoding='utf-8') as f:
        return json.load(f)


def load():
    data = read()
    return Model(data) if data else None


class Model:
    def __init__(self, data):
        self.shapes = data['shapes']
        self.operations = data['operations']
        self.errors = {name: s['error']['httpStatusCode']
                       for name, s in self.shapes.items()
                       if s.get('exception') and 'error' in s}
        self.routes = [(op['http']['method'], self.pattern(op), name)
                       for name, op in sorted(self.operations.items())]

    @staticmethod
    def pattern(op):
        return re.compile(re.sub(r'\{\w+\}', '[^/]+',
                                 op['http']['requestUri']) + '$')

    def operation_of(self, method, target):
        uri = target.split('?')[0]
        for m, pattern, name in self.routes:
            if m == method and pattern.match(uri):
                return name
        return None

    # requests

    def request(self, operation, params):
        """(method, target, body); the body is None if there is none to send"""
        http = self.operations[operation]['http']
        members = self.shapes[
            self.operations[operation]['input']['shape']]['members']
        uri, query, body = http['requestUri'], [], {}

        for name, value in params.items():
            where = members[name].get('location')
            wire = members[name].get('locationName', name)
            if where == 'uri':
                uri = uri.replace('{%s}' % wire,
                                  urllib.parse.quote(str(value), safe=''))
            elif where == 'querystring':
                query.append((wire, str(value)))
            else:
                body[wire] = value

        if query:
            uri += '?' + urllib.parse.urlencode(query,
                                                quote_via=urllib.parse.quote)
        return (http['method'], uri,
                body if http['method'] == 'PUT' else None)

    def payload(self, operation):
        """The member of the output that is the body, and the body's shape."""
        output = self.operations[operation]['output']['shape']
        member = self.shapes[output].get('payload')
        if member is None:
            return None, output
        return member, self.shapes[output]['members'][member]['shape']

    # answers

    def violations(self, operation, body):
        """Where a body is not of the operation's shape, as lines."""
        found = []
        self.walk(self.payload(operation)[1], body, '', found)
        return found

    def walk(self, name, value, where, found):
        shape = self.shapes[name]
        want = JSON_TYPES[shape['type']]

        if not isinstance(value, want) \
                or isinstance(value, bool) != (want is bool):
            found.append('%s: %r is no %s' % (where, value, shape['type']))
            return

        size = len(value) if isinstance(value, (str, list)) else value
        if 'min' in shape and size < shape['min'] \
                or 'max' in shape and size > shape['max']:
            found.append('%s: %r is out of bounds' % (where, value))
        if 'enum' in shape and value not in shape['enum']:
            found.append('%s: %r is not in the enum' % (where, value))
        if 'pattern' in shape and not re.search(shape['pattern'], value):
            found.append('%s: %r does not match' % (where, value))

        if shape['type'] == 'list':
            for i, item in enumerate(value):
                self.walk(shape['member']['shape'], item,
                          '%s[%d]' % (where, i), found)
        elif shape['type'] == 'structure':
            self.walk_structure(name, value, where, found)

    def walk_structure(self, name, value, where, found):
        shape = self.shapes[name]
        members = shape['members']

        for member in shape.get('required', []):
            if member not in value:
                found.append('%s: no %s in a %s' % (where, member, name))
        if shape.get('union') and len(value) != 1:
            found.append('%s: %d members of a union' % (where, len(value)))
        for member, item in value.items():
            if member not in members:
                found.append('%s: a %s has no %s' % (where, name, member))
            else:
                self.walk(members[member]['shape'], item,
                          '%s.%s' % (where, member), found)

    # what there is to say in a spec

    def everything(self, name):
        """{(structure, member)} and {(string, value of its enum)} of a shape
        and those below it"""
        found, todo, done = set(), [name], set()
        while todo:
            name = todo.pop()
            if name in done:
                continue
            done.add(name)
            shape = self.shapes[name]
            found.update((name, value) for value in shape.get('enum', []))
            if shape['type'] == 'list':
                todo.append(shape['member']['shape'])
            for member, ref in shape.get('members', {}).items():
                found.add((name, member))
                todo.append(ref['shape'])
        return found

    def said(self, name, value):
        """What of everything() a value says."""
        shape = self.shapes[name]
        found = set()
        if 'enum' in shape:
            found.add((name, value))
        elif shape['type'] == 'list':
            for item in value:
                found |= self.said(shape['member']['shape'], item)
        elif shape['type'] == 'structure':
            for member, item in value.items():
                found.add((name, member))
                found |= self.said(shape['members'][member]['shape'], item)
        return found
