#!/usr/bin/env python3
#
# util/fuzz/fixtures.py DIR OUT
#
# Makes mesh documents out of the App Mesh specs found under DIR, one for each
# of its folders, as seeds for the fuzzer.  What stands for something that a
# script would fill in ($NAME, also without quotes) is replaced first.  Nodes
# and services that are only referred to are added.

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


def document(directory):
    doc = {'meshDocument': 1, 'version': 'x',
           'mesh': {'meshName': 'mesh', 'spec': {}}}
    for name in sorted(os.listdir(directory)):
        if not name.endswith('.json'):
            continue
        resource = read(os.path.join(directory, name))
        if not isinstance(resource, dict) or 'spec' not in resource:
            continue
        where = kind(resource, name)
        if where:
            resource.setdefault(LISTS[where], name[:-len('.json')])
            doc.setdefault(where, []).append(resource)
    if len(doc) == 3:
        return None

    gateways = [g['virtualGatewayName']
                for g in doc.get('virtualGateways', [])] + ['gateway']
    routers = [r['virtualRouterName']
               for r in doc.get('virtualRouters', [])] + ['router']
    for route in doc.get('gatewayRoutes', []):
        route.setdefault('virtualGatewayName', gateways[0])
    for route in doc.get('routes', []):
        route.setdefault('virtualRouterName', routers[0])

    complete(doc)
    return doc


def complete(doc):
    nodes = doc.setdefault('virtualNodes', [])
    have = {n['virtualNodeName'] for n in nodes}
    for name in sorted(set(referred(doc, 'virtualNode')) - have):
        nodes.append({'virtualNodeName': name, 'spec': {
            'listeners': [{'portMapping': {'port': 80, 'protocol': 'http'}}],
            'serviceDiscovery': {'dns': {'hostname': name}}}})

    routers = doc.setdefault('virtualRouters', [])
    have = {r['virtualRouterName'] for r in routers}
    for name in sorted(set(referred(doc, 'virtualRouterName')) - have):
        routers.append({'virtualRouterName': name, 'spec': {
            'listeners': [{'portMapping': {'port': 80, 'protocol': 'http'}}]}})

    services = doc.setdefault('virtualServices', [])
    have = {s['virtualServiceName'] for s in services}
    for name in sorted(set(referred(doc, 'virtualServiceName')) - have):
        services.append({'virtualServiceName': name, 'spec': {}})


def main(source, out):
    for directory, _, _ in sorted(os.walk(source)):
        doc = document(directory)
        if doc:
            name = os.path.relpath(directory, source).replace(os.sep, '-')
            with open(os.path.join(out, name + '.json'), 'w') as f:
                json.dump(doc, f)


main(*sys.argv[1:3])
