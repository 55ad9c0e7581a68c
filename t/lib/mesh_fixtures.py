#!/usr/bin/env python3

"""Mesh documents out of the App Mesh specs that AWS published as examples.

    python3 t/lib/mesh_fixtures.py OUTDIR

The examples are not a part of this repository: they are looked for in
$MESH_SHARED/fixtures/appmesh-examples, one set a folder.  A file of a set is
what "aws appmesh create-*" or "update-*" takes: with or without the names,
which are in the file's name otherwise, and with unquoted $VARIABLES.

A set has files that replace others (an update, the same with TLS): each of
them gets a document of its own, in which it stands for what it replaces, so
that every file is in at least one document.  What the specs refer to and the
set does not have is added in its plainest form.
"""

import copy
import json
import os
import re
import sys

DOMAIN = 'example.local'

# by kind: the list of a document, the member that names a resource, and the
# member that names what a route belongs to
KINDS = {
    'vn': ('virtualNodes', 'virtualNodeName', None),
    'vr': ('virtualRouters', 'virtualRouterName', None),
    'vs': ('virtualServices', 'virtualServiceName', None),
    'vg': ('virtualGateways', 'virtualGatewayName', None),
    'route': ('routes', 'routeName', 'virtualRouterName'),
    'gr': ('gatewayRoutes', 'gatewayRouteName', 'virtualGatewayName'),
}

VARIABLES = {
    'DNS_HOSTNAME': 'app.' + DOMAIN,
    'NAMESPACE_NAME': DOMAIN,
    'CERTIFICATE_ARN': 'arn:aws:acm:eu-west-1:123456789012:certificate/1',
    'ROOT_CA_ARN': 'arn:aws:acm-pca:eu-west-1:123456789012:'
                   'certificate-authority/1',
    'VIRTUAL_SERVICE_NAME': 'color.' + DOMAIN,
    'BACKEND_VS_NAME': 'color.' + DOMAIN,
    'VIRTUALSERVICE_NAME': '',              # found later
}


class Resource:
    """One file: what it is, its name, and its place among its variants."""

    def __init__(self, path):
        self.path = path
        self.stem = os.path.basename(path)[:-len('.json')]

        with open(path, encoding='utf-8') as f:
            self.body = json.loads(re.sub(
                r'"?\$(\w+)"?', lambda m: json.dumps(VARIABLES[m.group(1)]),
                f.read()))

        self.kind = self.find_kind()

        if self.kind == 'mesh':
            self.name = 'mesh'
            return

        name = KINDS[self.kind][1]
        self.body.setdefault(name, self.name_of_stem())
        self.name = self.body[name]

    def find_kind(self):
        if self.stem == 'mesh':
            return 'mesh'

        for member, route in self.body['spec'].items():
            if member.endswith('Route'):
                return 'gr' if 'target' in route['action'] else 'route'

        return re.search(r'-(v[nrsg])(?=-|$)', self.stem).group(1)

    def name_of_stem(self):
        """An update of a route is of the first one of the set."""

        if self.kind in ('route', 'gr'):
            return re.sub(r'-updated-.*', '-1', self.stem)

        if self.kind == 'vs':
            return self.stem.replace('-vs', '') + '.' + DOMAIN

        return re.sub(r'(-v[nrg](-\d+)?)(-.*)?$', r'\1', self.stem)

    def route(self):
        """The kind of a route, and the route."""
        return next((k, r) for k, r in self.body['spec'].items()
                    if k.endswith('Route'))

    def number(self):
        found = re.search(r'-(\d+)(\.|$)', self.name)
        return found.group(1) if found else None


class Set:
    def __init__(self, name, paths):
        self.name = name
        self.variants = {}                  # (kind, name) -> [Resource]

        # the plainer, shorter file name is what the others replace
        for path in sorted(paths, key=lambda p: (len(p), p)):
            r = Resource(path)
            self.variants.setdefault((r.kind, r.name), []).append(r)

        for variants in self.variants.values():
            for r in variants:
                self.place(r)

    def of(self, kind):
        return [v[0] for k, v in self.variants.items() if k[0] == kind]

    def place(self, r):
        """What a route belongs to, and where a gateway route leads."""

        if r.kind == 'route':
            port = r.route()[1]['match'].get('port')
            owner = self.fitting(self.of('vr'), r.number(), port)
            r.body.setdefault('virtualRouterName', owner and owner.name)

        elif r.kind == 'gr':
            r.body.setdefault('virtualGatewayName', self.of('vg')[0].name)

            target = r.route()[1]['action']['target']
            service = self.fitting(self.of('vs'), r.number(),
                                   target.get('port'))
            target['virtualService']['virtualServiceName'] = service.name

    def fitting(self, candidates, number, port):
        for c in candidates:
            if number is not None and c.number() == number:
                return c

            if port is not None and port in self.ports(c):
                return c

        return candidates[0] if candidates else None

    def ports(self, r):
        """Where a router, a node, or the provider of a service listens."""

        if r.kind == 'vs':
            (kind, provider), = r.body['spec']['provider'].items()
            key = ('vn' if kind == 'virtualNode' else 'vr',
                   provider[kind + 'Name'])
            r = self.variants[key][0]

        return [l['portMapping']['port'] for l in r.body['spec']['listeners']]

    def documents(self):
        """(name, document, files): all the first variants, then each other."""

        first = {key: v[0] for key, v in self.variants.items()}
        others = [(key, r) for key, v in self.variants.items() for r in v[1:]]

        yield (self.name + '-0',) + self.assemble(first, self.name + '-0')

        for n, (key, r) in enumerate(others, 1):
            name = '%s-%d' % (self.name, n)
            yield (name,) + self.assemble({**first, key: r}, name)

    def assemble(self, resources, name):
        doc = {'meshDocument': 1, 'version': name,
               'mesh': {'meshName': self.name, 'spec': {}}}

        for r in resources.values():
            body = copy.deepcopy(r.body)

            if r.kind == 'mesh':
                doc['mesh'].update(body)
            else:
                doc.setdefault(KINDS[r.kind][0], []).append(body)

        complete(doc)

        return doc, [r.path for r in resources.values()]


def complete(doc):
    """Adds routers, nodes and services that are only referred to."""

    def names(kind):
        return {r[KINDS[kind][1]] for r in doc.setdefault(KINDS[kind][0], [])}

    def add(kind, name, spec):
        if name not in names(kind):
            doc[KINDS[kind][0]].append({KINDS[kind][1]: name, 'spec': spec})

    for route in doc.get('routes', []):
        kind = next(k for k in route['spec'] if k.endswith('Route'))
        listeners = [{'portMapping': {'port': 8080,
                                      'protocol': kind[:-len('Route')]}}]

        add('vr', route['virtualRouterName'], {'listeners': listeners})

        for target in route['spec'][kind]['action']['weightedTargets']:
            add('vn', target['virtualNode'], {
                'listeners': listeners,
                'serviceDiscovery': {'dns': {'hostname': 'app.' + DOMAIN}}})

    provided = {p['virtualRouter']['virtualRouterName']
                for s in doc.get('virtualServices', [])
                for p in [s['spec']['provider']] if 'virtualRouter' in p}

    for router in names('vr') - provided:
        add('vs', router + '.' + DOMAIN, {
            'provider': {'virtualRouter': {'virtualRouterName': router}}})

    doc['endpoints'] = {node: [{'ip': '127.0.0.1'}] for node in names('vn')}


def sets(shared=None):
    """The sets of examples; none if they are not here."""

    shared = shared or os.environ.get('MESH_SHARED') or ''
    top = os.path.join(shared, 'fixtures', 'appmesh-examples')

    if not shared or not os.path.isdir(top):
        return

    for name in sorted(os.listdir(top)):
        paths = [os.path.join(where, f)
                 for where, _, files in os.walk(os.path.join(top, name))
                 for f in files if f.endswith('.json')]
        if paths:
            yield name, paths


def documents(shared=None):
    """(name, document, files that are in it)"""

    for name, paths in sets(shared):
        yield from Set(name, paths).documents()


def main(outdir):
    for name, doc, _ in documents():
        with open(os.path.join(outdir, name + '.json'), 'w',
                  encoding='utf-8') as f:
            json.dump(doc, f, indent=2)
        print(name)


if __name__ == '__main__':
    main(sys.argv[1])
