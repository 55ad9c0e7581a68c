#!/usr/bin/python3

"""The AWS SDK for JavaScript, @aws-sdk/client-app-mesh, with a control plane
that verifies signatures: all operations, errors as classes, paginators, a
clock that is wrong.
"""

import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_test import ROOT, at_end, tap                          # noqa: E402

import mesh_conformance                                          # noqa: E402

from mesh_conformance import (ARN, MESHES, REGION, WHO,          # noqa: E402
                              Conformance, Result)

HERE = os.path.join(ROOT, 't', 'conformance')
MODULES = os.path.join(ROOT, 'build', 'conformance')

if shutil.which('node') is None:
    tap.skip_all('node is not here: util/deps conformance')

with open(HERE + '/package.json') as wanted:
    PACKAGE = json.load(wanted)

if not os.path.exists(MODULES + '/package.json') or \
        json.load(open(MODULES + '/package.json')) != PACKAGE:
    tap.skip_all('%s is not here: t/conformance/install' %
                 ' '.join('@'.join(p) for p in
                          PACKAGE['dependencies'].items()))

MODEL = mesh_conformance.requirements()


class Client:
    """The client of mesh_conformance."""

    def __init__(self, url):
        self.url = url
        self.untyped = []
        env = dict(os.environ, AWS_EC2_METADATA_DISABLED='true')
        self.node = subprocess.Popen(
            ['node', HERE + '/sdk_server.mjs', MODULES], text=True, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        at_end(self.close)

    def close(self):
        self.node.stdin.close()
        self.node.wait()

    def ask(self, who='admin', config=None, **line):
        key, secret, attempts = WHO[who]
        line['client'] = dict({
            'region': REGION, 'endpoint': self.url, 'maxAttempts': attempts,
            'credentials': {'accessKeyId': key, 'secretAccessKey': secret}},
            **config or {})
        self.node.stdin.write(json.dumps(line) + '\n')
        self.node.stdin.flush()
        return json.loads(self.node.stdout.readline())

    def call(self, operation, params, who='admin', config=None):
        done = self.ask(who, config, call=operation, params=params)
        if 'error' in done:
            if not done['typed'] and done['error'] in MODEL.errors:
                self.untyped.append(done['error'])
            return Result(error=done['error'], status=done.get('status'),
                          message=done.get('stack') or done['message'])
        done['output'].pop('$metadata')
        return Result(done['output'])


def everything():
    cp, recorder = mesh_conformance.plane()
    client = Client(recorder.url)
    about = client.ask(names=True)['output']
    tap.say('node %s, %s' % (about['node'], PACKAGE['dependencies']))

    c = Conformance(MODEL, client, cp, recorder)
    c.create()
    c.describe()
    c.update()
    c.list()
    c.tags()
    c.errors()
    c.faults()
    c.delete()
    c.wire()
    c.quiet()
    tap.same(client.untyped, [], 'errors are of their own classes')
    tap.same([n for n in about['names'] if n.startswith('waitUntil')], [],
             'the SDK has no waiters')
    tap.same({n for n in about['names'] if n.startswith('paginate')},
             {'paginate' + op for op in MODEL.operations
              if op.startswith('List')}, 'and a paginator for each list')


def paginators():
    cp, _ = mesh_conformance.plane()
    client = Client(cp.url)
    listener = {'listeners': [{'portMapping': {'port': 1,
                                               'protocol': 'http'}}]}
    m = {'meshName': 'm0'}
    for i in range(MESHES):
        client.call('CreateMesh', {'meshName': 'm%d' % i})
    client.call('TagResource', {'resourceArn': ARN + 'm0', 'tags': [
        {'key': 'k%d' % i, 'value': ''} for i in range(MESHES)]})
    client.call('CreateVirtualNode', dict(m, virtualNodeName='n', spec=dict(
        listener, serviceDiscovery={'dns': {'hostname': 'h.local'}})))
    client.call('CreateVirtualService', dict(
        m, virtualServiceName='s.local', spec={}))
    client.call('CreateVirtualGateway', dict(m, virtualGatewayName='g',
                                             spec=listener))
    for i in range(MESHES):
        client.call('CreateVirtualRouter', dict(
            m, virtualRouterName='r%d' % i, spec=listener))
        client.call('CreateRoute', dict(
            m, virtualRouterName='r0', routeName='x%d' % i, spec={
                'httpRoute': {'match': {'prefix': '/'}, 'action': {
                    'weightedTargets': [{'virtualNode': 'n',
                                         'weight': 1}]}}}))
        client.call('CreateGatewayRoute', dict(
            m, virtualGatewayName='g', gatewayRouteName='y%d' % i, spec={
                'httpRoute': {'match': {'prefix': '/'}, 'action': {
                    'target': {'virtualService': {
                        'virtualServiceName': 's.local'}}}}}))

    for operation, params, key, name, n in (
            ('ListMeshes', {}, 'meshes', 'meshName', MESHES),
            ('ListVirtualRouters', m, 'virtualRouters', 'virtualRouterName',
             MESHES),
            ('ListVirtualNodes', m, 'virtualNodes', 'virtualNodeName', 1),
            ('ListVirtualServices', m, 'virtualServices',
             'virtualServiceName', 1),
            ('ListVirtualGateways', m, 'virtualGateways',
             'virtualGatewayName', 1),
            ('ListRoutes', dict(m, virtualRouterName='r0'), 'routes',
             'routeName', MESHES),
            ('ListGatewayRoutes', dict(m, virtualGatewayName='g'),
             'gatewayRoutes', 'gatewayRouteName', MESHES),
            ('ListTagsForResource', {'resourceArn': ARN + 'm0'}, 'tags',
             'key', MESHES)):
        done = client.ask(pages=operation, params=params, size=4)
        pages = done.get('output', [])
        names = [x[name] for page in pages for x in page[key]]
        tap.ok([len(page[key]) for page in pages] == ([4, 4, 1] if n > 1
                                                      else [1])
               and len(set(names)) == n and names == sorted(names),
               'paginate%s: pages of four' % operation, done)
        if n > 1:
            rest = client.ask(pages=operation, params=params, size=4,
                              token=pages[0]['nextToken'])['output']
            tap.same([x[name] for page in rest for x in page[key]], names[4:],
                     'paginate%s: from the second on' % operation)
    tap.same(cp.bad(), [], 'pages: nothing bad is logged')


def skew():
    """The SDK sets its clock by an answer, and tries again."""
    cp, recorder = mesh_conformance.plane()
    client = Client(recorder.url)

    for hours in (1, -1):
        offset = {'systemClockOffset': hours * 3600 * 1000}
        n = len(recorder.exchanges)
        got = client.call('ListMeshes', {}, 'retry', offset)
        tap.ok(got.output == {'meshes': []}, 'a clock that is off by %d h' %
               hours, got)
        tap.same([(e.status, e.error) for e in recorder.exchanges[n:]],
                 [(403, 'InvalidSignatureException'), (200, None)],
                 'is set by the Date of the answer')
        got = client.call('ListMeshes', {}, 'wrong', offset)
        tap.same(got.error, 'InvalidSignatureException', 'not the secret')


tap.run(everything, paginators, skew)
