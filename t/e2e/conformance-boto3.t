#!/usr/bin/python3

"""boto3, from Debian's python3-boto3, with a control plane that verifies
signatures: all operations on specs with everything in them, all errors as
typed exceptions, paginators, presigned requests, skewed clocks, retries.
"""

import datetime
import os
import sys
import types
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_test import tap                                        # noqa: E402

try:
    import boto3
    import botocore
    import botocore.auth
    import botocore.config
    import botocore.exceptions
except ImportError:
    tap.skip_all('boto3 is not here: util/deps conformance')

import mesh_conformance                                          # noqa: E402
import mesh_model                                                # noqa: E402

from mesh_conformance import (ACCOUNT, ARN, MESHES, REGION, WHO,  # noqa: E402
                              Conformance, Result)

MODEL = mesh_conformance.requirements()


class Client:
    """The client of mesh_conformance."""

    def __init__(self, url):
        self.url = url
        self.clients = {}
        self.untyped = []

    def of(self, who):
        if who not in self.clients:
            key, secret, attempts = WHO[who]
            self.clients[who] = boto3.session.Session(
                aws_access_key_id=key, aws_secret_access_key=secret,
                region_name=REGION).client(
                    'appmesh', endpoint_url=self.url,
                    config=botocore.config.Config(
                        retries={'total_max_attempts': attempts,
                                 'mode': 'standard'}))
        return self.clients[who]

    def call(self, operation, params, who='admin'):
        client = self.of(who)
        method = getattr(client, botocore.xform_name(operation))
        try:
            output = method(**params)
        except botocore.exceptions.ClientError as e:
            name = e.response['Error']['Code']
            typed = getattr(client.exceptions, name, None) \
                if name in MODEL.errors else botocore.exceptions.ClientError
            if typed is None or not isinstance(e, typed):
                self.untyped.append(name)
            return Result(
                error=name, message=e.response['Error']['Message'],
                status=e.response['ResponseMetadata']['HTTPStatusCode'])
        output.pop('ResponseMetadata')
        return Result(output)


def everything():
    cp, recorder = mesh_conformance.plane()
    client = Client(recorder.url)
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
    tap.same(client.untyped, [], 'errors are exceptions of their own types')

    times = [client.of('admin').describe_mesh(meshName='more-0')['mesh']
             ['metadata'][x] for x in ('createdAt', 'lastUpdatedAt')]
    now = datetime.datetime.now(datetime.timezone.utc)
    tap.ok(all(abs((now - t).total_seconds()) < 600 for t in times),
           'times are times', times)


def paginators():
    cp, recorder = mesh_conformance.plane()
    client = Client(recorder.url).of('admin')

    tap.same(client.waiter_names, [], 'the model has no waiters')
    names = [op for op in MODEL.operations if op.startswith('List')]
    data = mesh_model.read('paginators-1')
    tap.same(sorted(data['pagination']), sorted(names),
             'and a paginator for each list')

    spec = {'listeners': [{'portMapping': {'port': 1, 'protocol': 'http'}}],
            'serviceDiscovery': {'dns': {'hostname': 'h.example.local'}}}
    for i in range(MESHES):
        client.create_mesh(meshName='m%d' % i)
    tags = [{'key': 'k%02d' % i, 'value': str(i)} for i in range(7)]
    client.tag_resource(resourceArn=ARN + 'm0', tags=tags)
    m = {'meshName': 'm0'}
    router = {'listeners': spec['listeners']}
    client.create_virtual_router(virtualRouterName='r', spec=router, **m)
    client.create_virtual_gateway(virtualGatewayName='g', spec=router, **m)
    for i in range(7):
        client.create_virtual_node(virtualNodeName='n%d' % i, spec=spec, **m)
        client.create_virtual_service(
            virtualServiceName='s%d' % i, spec={'provider': {
                'virtualNode': {'virtualNodeName': 'n0'}}}, **m)
        client.create_route(
            routeName='x%d' % i, virtualRouterName='r',
            spec={'httpRoute': {'match': {'prefix': '/'}, 'action': {
                'weightedTargets': [{'virtualNode': 'n0', 'weight': 1}]}}},
            **m)
        client.create_gateway_route(
            gatewayRouteName='y%d' % i, virtualGatewayName='g',
            spec={'httpRoute': {'match': {'prefix': '/'}, 'action': {
                'target': {'virtualService': {
                    'virtualServiceName': 's0'}}}}}, **m)
        if i:
            client.create_virtual_router(virtualRouterName='r%d' % i,
                                         spec=router, **m)
            client.create_virtual_gateway(virtualGatewayName='g%d' % i,
                                          spec=router, **m)

    params = {'ListMeshes': {}, 'ListRoutes': dict(m, virtualRouterName='r'),
              'ListGatewayRoutes': dict(m, virtualGatewayName='g'),
              'ListTagsForResource': {'resourceArn': ARN + 'm0'}}
    for name in names:
        p = client.get_paginator(botocore.xform_name(name))
        key = data['pagination'][name]['result_key']
        more = params.get(name, m)
        n = MESHES if name == 'ListMeshes' else 7
        every = p.paginate(**more).build_full_result()[key]
        pages = list(p.paginate(PaginationConfig={'PageSize': 3}, **more))
        tap.same([len(page[key]) for page in pages], [3] * (n // 3)
                 + [n % 3] * bool(n % 3), name + ': pages of three')
        tap.ok([x for page in pages for x in page[key]] == every
               and len(every) == n, name + ': all is in them', every)
        first = p.paginate(PaginationConfig={'PageSize': 2, 'MaxItems': 3},
                           **more).build_full_result()
        rest = p.paginate(PaginationConfig={
            'StartingToken': first['NextToken']}, **more).build_full_result()
        tap.same(first[key] + rest[key], every,
                 name + ': goes on in the middle of a page')
    tap.same(cp.bad(), [], 'pages: nothing bad is logged')


def answer(url, data=None, method='GET'):
    r = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(r) as done:
            return done.status, done.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def presigned():
    cp, _ = mesh_conformance.plane()
    client = Client(cp.url).of('admin')
    client.create_mesh(meshName='m')
    name = 'a b+c%é.local'
    client.create_virtual_service(meshName='m', virtualServiceName='s-1.local',
                                  spec={})

    for method, params in (
            ('list_meshes', {'limit': 1}),
            ('describe_virtual_service', {
                'meshName': 'm', 'virtualServiceName': 's-1.local',
                'meshOwner': ACCOUNT}),
            ('list_tags_for_resource', {'resourceArn': ARN + 'm'})):
        url = client.generate_presigned_url(method, Params=params)
        got = answer(url)
        tap.same(got[0], 200, 'presigned: %s' % method)
        got = answer(url.replace('X-Amz-Expires=3600', 'X-Amz-Expires=3601'))
        tap.ok(got[0] == 403 and b'signature' in got[1],
               'not if it is changed', got)

    url = client.generate_presigned_url('describe_mesh',
                                        Params={'meshName': name})
    got = answer(url)
    tap.ok(got[0] == 404 and name in got[1].decode(),
           'presigned: a name with all sorts of characters', got)
    tap.same(answer(Client(cp.url).of('wrong').generate_presigned_url(
        'list_meshes'))[0], 403, 'presigned: with a wrong secret')
    tap.same(answer(client.generate_presigned_url(
        'delete_virtual_service', Params={'meshName': 'm',
                                          'virtualServiceName': 's-1.local'}),
        method='DELETE')[0], 200, 'presigned: a delete')


def signers():
    """The modules of botocore that ask the clock for their signatures."""
    found = [botocore.auth]
    try:
        from botocore.crt import auth
        found.append(auth)
    except ImportError:
        pass
    return found


class Clock(datetime.datetime):
    shift = datetime.timedelta()

    @classmethod
    def utcnow(cls):
        return datetime.datetime.utcnow() + cls.shift


def shifted(module):
    """Lets a module have another clock, and says how to take it back."""
    if hasattr(module, 'get_current_datetime'):
        name, old = 'get_current_datetime', module.get_current_datetime
        new = lambda *args, **kw: old(*args, **kw) + Clock.shift  # noqa: E731
    else:
        name, old = 'datetime', module.datetime
        new = types.SimpleNamespace(**dict(vars(old), datetime=Clock))
    setattr(module, name, new)
    return module, name, old


def skew():
    cp, _ = mesh_conformance.plane()
    client = Client(cp.url)
    old = [shifted(module) for module in signers()]

    try:
        for seconds, text in ((0, None), (-200, None), (200, None),
                              (-360, 'Signature expired'),
                              (360, 'Signature not yet current')):
            Clock.shift = datetime.timedelta(seconds=seconds)
            got = client.call('ListMeshes', {})
            if text is None:
                tap.ok(got.output, 'a clock that is off by %d s' % seconds,
                       got)
            else:
                tap.ok(got.error == 'InvalidSignatureException'
                       and text in got.message,
                       'one that is off by %d s' % seconds, got)
    finally:
        for module, name, value in old:
            setattr(module, name, value)


tap.say('boto3 %s, botocore %s' % (boto3.__version__, botocore.__version__))
tap.run(everything, paginators, presigned, skew)
