#!/usr/bin/env python3
#
# util/fuzz/fixtures.py DIR OUT
#
# Makes mesh documents out of the App Mesh specs found under DIR, two for each
# of its folders, as seeds for the fuzzer: where a folder has several versions
# of a resource, one with the first and one with the last of them.  What stands
# for something that a script would fill in ($NAME, also without quotes) is
# replaced first.  What is only referred to is added.

import json
import os
import re
import sys

LISTS = {'virtualGateways': 'virtualGatewayName',
         'virtualNodes': 'virtualNodeName',
         'virtualRouters': 'virtualRouterName',
         'virtualServices': 'virtualServiceName',
         'gatewayRoutes': 'gatewayRouteName',
         'routes': 'routeName'}


def read(path):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    text = re.sub(r'(:\s*)\$\{?(\w+)\}?(?=\s*[,}\]])', r'\1"\2"', text)
    text = re.sub(r'\$\{?(\w+)\}?', r'\1', text)
    try:
        return json.loads(text)
    except ValueError:
        return None


def kind(resource, name):
    """The list a resource belongs to, by its names or else its file's."""
    for where, member in LISTS.items():
        if where.endswith('outes') and member in resource:
            return where
    if any(referred(resource, 'virtualNode', dict)):
        return 'virtualServices'
    if any(k.endswith('Route') for k in resource['spec']):
        gateway = any(referred(resource, 'target', dict))
        return 'gatewayRoutes' if gateway else 'routes'
    for part, where in [('-vn', 'virtualNodes'), ('-vg', 'virtualGateways'),
                        ('-vr', 'virtualRouters'),
                        ('-vs', 'virtualServices')]:
        if part in name:
            return where
    return None


def referred(value, member, kind_of=str):
    if isinstance(value, dict):
        for key, v in value.items():
            if key == member and isinstance(v, kind_of):
                yield v
            else:
                yield from referred(v, member, kind_of)
    elif isinstance(value, list):
        for v in value:
            yield from referred(v, member, kind_of)


def resources(directory):
    """The resources of a folder, as {list: [resource]}."""
    found = {}
    for name in sorted(os.listdir(directory)):
        if not name.endswith('.json'):
            continue
        resource = read(os.path.join(directory, name))
        if not isinstance(resource, dict) or 'spec' not in resource:
            continue
        where = kind(resource, name)
        if where:
            resource.setdefault(LISTS[where], name[:-len('.json')])
            found.setdefault(where, []).append(resource)

    gateways = [g['virtualGatewayName']
                for g in found.get('virtualGateways', [])] + ['gateway']
    routers = [r['virtualRouterName']
               for r in found.get('virtualRouters', [])] + ['router']
    for route in found.get('gatewayRoutes', []):
        route.setdefault('virtualGatewayName', gateways[0])
    for route in found.get('routes', []):
        route.setdefault('virtualRouterName', routers[0])
    return found


def document(found, last):
    doc = {'meshDocument': 1, 'version': 'x',
           'mesh': {'meshName': 'mesh', 'spec': {}}}
    for where, of in found.items():
        named = {}
        for resource in of if last else reversed(of):
            named[resource[LISTS[where]]] = resource
        doc[where] = list(named.values())

    kinds = [k for r in doc.get('routes', []) for k in r['spec']
             if k.endswith('Route')] or ['httpRoute']
    listeners = [{'portMapping': {'port': 80,
                                  'protocol': kinds[0][:-len('Route')]}}]
    for where, member, spec in [
            ('virtualNodes', 'virtualNode', {
                'listeners': listeners,
                'serviceDiscovery': {'dns': {'hostname': 'a.local'}}}),
            ('virtualRouters', 'virtualRouterName', {'listeners': listeners}),
            ('virtualServices', 'virtualServiceName', {})]:
        have = {r[LISTS[where]] for r in doc.setdefault(where, [])}
        for name in sorted(set(referred(doc, member)) - have):
            doc[where].append({LISTS[where]: name, 'spec': spec})
    return doc


def main(source, out):
    for directory, _, _ in sorted(os.walk(source)):
        found = resources(directory)
        name = os.path.relpath(directory, source).replace(os.sep, '-')
        for last in range(2 if found else 0):
            path = os.path.join(out, '%s-%d.json' % (name, last))
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(document(found, last), f)


main(*sys.argv[1:3])
