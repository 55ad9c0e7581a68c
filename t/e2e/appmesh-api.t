#!/usr/bin/env python3
"""The App Mesh API as operations on resources, over plain HTTP: all 38 of them
on all kinds, the errors they give, pages, client tokens, tags, meshes shared
by two accounts, quotas, and what holds after clients raced each other."""

import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_control import ControlPlane, uri                       # noqa: E402
from mesh_test import LONG, SLOW, free_port, tap                 # noqa: E402

OWNER, OTHER = '111122223333', '444455556666'
ARN = 'arn:aws:appmesh:us-east-1:%s:mesh/' % OWNER

UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}'
                  r'-[0-9a-f]{12}$')


def node_spec(*ports, **more):
    return dict({'listeners': [{'portMapping': {'port': port,
                                                'protocol': 'http'}}
                               for port in ports or (8080,)],
                 'serviceDiscovery': {'dns': {'hostname': '127.0.0.1'}}},
                **more)


ROUTER = {'listeners': [{'portMapping': {'port': 8080, 'protocol': 'http'}}]}


def route_spec(*nodes):
    return {'httpRoute': {'match': {'prefix': '/'}, 'action': {
        'weightedTargets': [{'virtualNode': n, 'weight': 1} for n in nodes]}}}


def gateway_route_spec(service):
    return {'httpRoute': {'match': {'prefix': '/'}, 'action': {
        'target': {'virtualService': {'virtualServiceName': service}}}}}


# title, collection, item name, spec, another spec; in the order of creation
KINDS = (
    ('Mesh', ('meshes',), 'm', {},
     {'egressFilter': {'type': 'ALLOW_ALL'}}),
    ('VirtualNode', ('meshes', 'm', 'virtualNodes'), 'n', node_spec(),
     node_spec(9090)),
    ('VirtualRouter', ('meshes', 'm', 'virtualRouters'), 'r', ROUTER, ROUTER),
    ('Route', ('meshes', 'm', 'virtualRouter', 'r', 'routes'), 'x',
     route_spec('n'), dict(route_spec('n'), priority=7)),
    ('VirtualService', ('meshes', 'm', 'virtualServices'), 's.local',
     {'provider': {'virtualRouter': {'virtualRouterName': 'r'}}},
     {'provider': {'virtualNode': {'virtualNodeName': 'n'}}}),
    ('VirtualGateway', ('meshes', 'm', 'virtualGateways'), 'g', ROUTER,
     ROUTER),
    ('GatewayRoute', ('meshes', 'm', 'virtualGateway', 'g', 'gatewayRoutes'),
     'y', gateway_route_spec('s.local'),
     dict(gateway_route_spec('s.local'), priority=7)),
)

PARTS = {'Mesh': '', 'VirtualNode': '/virtualNode/n',
         'VirtualRouter': '/virtualRouter/r',
         'Route': '/virtualRouter/r/route/x',
         'VirtualService': '/virtualService/s.local',
         'VirtualGateway': '/virtualGateway/g',
         'GatewayRoute': '/virtualGateway/g/gatewayRoute/y'}


class Account:
    """A caller of another account than the first one's, at its own port."""

    def __init__(self, cp, port):
        self.cp, self.port = cp, port

    def call(self, method, path, body=None):
        c = self.cp.connection()
        c.port = self.port
        try:
            return self.cp.call(method, path, body, connection=c)
        finally:
            c.close()


def control_plane(location='', **kw):
    """One that has two accounts, and the second one's calls."""
    port = free_port()
    cp = ControlPlane(location='mesh_account %s; %s' % (OWNER, location),
                      more_http='''
server {
    listen 127.0.0.1:%d;
    location / {
        mesh_control_plane;
        mesh_auth off;
        mesh_account %s;
        %s
    }
}''' % (port, OTHER, location), **kw).start()
    return cp, Account(cp, port)


def name_of(title):
    return title[0].lower() + title[1:] + 'Name'


def create(cp, title, collection, name, spec, **more):
    body = dict({name_of(title): name}, **more)
    if spec is not None:
        body['spec'] = spec
    return cp.call('PUT', uri(*collection), body)


def fill(cp, kinds=KINDS):
    for title, collection, name, spec, _ in kinds:
        create(cp, title, collection, name, spec)


def refused(answer, error, status, text, name):
    tap.ok(answer.error == error and answer.status == status
           and text in (answer.message or ''), name,
           'got:  %d %s %s' % (answer.status, answer.error, answer.message),
           'want: %d %s %s' % (status, error, text))


def nothing_bad(cp, name):
    bad = cp.bad() + cp.lines(r'\[error\]')
    tap.ok(not bad, name, *bad[:5])


def operations():
    cp, _ = control_plane()
    before = time.time()

    for title, collection, name, spec, _ in KINDS:
        operations_create(cp, title, collection, name, spec, before)

    for title, collection, name, spec, other in KINDS:
        operations_update(cp, title, collection, name, other)

    for title, collection, name, _, _ in KINDS:
        operations_list(cp, title, collection, name)

    # the service is the node's by now; back to where it can all be deleted
    for title, collection, name, _, other in reversed(KINDS):
        operations_delete(cp, title, collection, name)

    tap.same(cp.get(uri('meshes')).body, {'meshes': []}, 'nothing is left')
    nothing_bad(cp, 'operations: nothing is logged as an error')


def operations_create(cp, title, collection, name, spec, before):
    item = uri(*collection, name)

    refused(cp.get(item), 'NotFoundException', 404,
            '%s with name %s is not present ' % (title, name),
            'Describe%s of none' % title)

    made = create(cp, title, collection, name, spec,
                  tags=[{'key': 'k', 'value': 'v'}])
    body = made.body
    meta = body.pop('metadata', {})

    tap.same(made.status, 200, 'Create%s' % title)
    tap.ok(set(body) >= {'meshName', name_of(title), 'spec', 'status'}
           and 'tags' not in body
           and len(body) == (3 if title == 'Mesh' else len(collection)
                             + (len(collection) == 3)),
           'it has the members of the API', body)
    tap.same((meta['arn'], meta['meshOwner'], meta['resourceOwner'],
              meta['version'], body['status']),
             (ARN + 'm' + PARTS[title], OWNER, OWNER, 1,
              {'status': 'ACTIVE'}), 'it is new')
    tap.ok(UUID.match(meta['uid']) and meta['createdAt']
           == meta['lastUpdatedAt'] and before - 1 <= meta['createdAt']
           <= time.time() + 1, 'with a UUID and a time', meta)

    again = cp.get(item)
    tap.same(again.data, made.data, 'Describe%s is the same' % title)

    refused(create(cp, title, collection, name, spec), 'ConflictException',
            409, '%s with name %s already exists' % (title, name),
            'Create%s twice' % title)


def operations_update(cp, title, collection, name, spec):
    item = uri(*collection, name)
    old = cp.get(item).body['metadata']

    # nodes listen where routes lead to: one more port, not another one
    if title == 'VirtualNode':
        spec = node_spec(logging={'accessLog': {'file': {'path': '/l'}}})

    new = cp.put(item, {'spec': spec})
    meta = new.body['metadata']

    tap.same(new.status, 200, 'Update%s' % title)
    tap.same(meta, dict(old, version=2, lastUpdatedAt=meta['lastUpdatedAt']),
             'it has a new version')
    tap.ok(meta['lastUpdatedAt'] >= old['lastUpdatedAt'], 'a new time')
    tap.ok(all(new.body['spec'].get(key) for key in spec),
           'and the new spec', new.body['spec'])
    tap.same(cp.get(item).data, new.data, 'for all to see')

    refused(cp.put(uri(*collection, 'none.local'), {'spec': spec}),
            'NotFoundException', 404, 'name none.local is not present',
            'Update%s of none' % title)


def operations_list(cp, title, collection, name):
    body = cp.get(uri(*collection)).body
    want = cp.get(uri(*collection, name)).body
    item = dict(want['metadata'])

    del item['uid']
    item.update((k, v) for k, v in want.items() if k.endswith('Name'))

    tap.same(body, {collection[-1]: [item]}, 'the list of %s is flat' %
             collection[-1])


def operations_delete(cp, title, collection, name):
    item = uri(*collection, name)
    old = cp.get(item).body
    gone = cp.delete(item)

    tap.same((gone.status, gone.body['status'],
              gone.body['metadata']['version'], gone.body['spec'],
              gone.body['metadata']['uid']),
             (200, {'status': 'DELETED'}, 2 + (title != 'Mesh'), old['spec'],
              old['metadata']['uid']), 'Delete%s' % title)
    refused(cp.delete(item), 'NotFoundException', 404,
            '%s with name %s is not present ' % (title, name),
            'Delete%s twice' % title)


def in_use():
    """What deletes refuse, by the words that tools look for."""
    cp, _ = control_plane()
    fill(cp)

    def busy(path, text):
        answer = cp.delete(uri('meshes', 'm', *path))
        refused(answer, 'ResourceInUseException', 409, text,
                'not deleted: ' + (text or '/'.join(path)))

    def drop(*path):
        answer = cp.delete(uri('meshes', 'm', *path))
        tap.same(answer.status, 200, 'deleted: ' + '/'.join(path))

    mesh = 'Mesh m for account %s has active %%s, please delete %%s before ' \
           'deleting the Mesh' % OWNER

    busy((), mesh % ('VirtualGateways', 'VirtualGateways'))
    busy(('virtualGateways', 'g'), '')
    busy(('virtualServices', 's.local'), 'VirtualService s.local is being '
         'referenced in the following: GATEWAY_ROUTE: [')
    busy(('virtualNodes', 'n'), 'VirtualNode with name n cannot be deleted '
         'because it is the target of one or more routes.')
    busy(('virtualRouters', 'r'), '')

    drop('virtualGateway', 'g', 'gatewayRoutes', 'y')
    drop('virtualGateways', 'g')
    busy((), mesh % ('VirtualServices', 'VirtualServices'))
    drop('virtualRouter', 'r', 'routes', 'x')
    busy(('virtualRouters', 'r'), 'VirtualRouter with name r cannot be deleted '
         'because it is a VirtualService provider')

    path = uri('meshes', 'm', 'virtualServices', 's.local')
    cp.put(path, {'spec': KINDS[4][4]})
    busy(('virtualNodes', 'n'), 'VirtualService provider')
    drop('virtualRouters', 'r')
    busy((), mesh % ('VirtualServices', 'VirtualServices'))

    # a backend keeps no service
    cp.put(uri('meshes', 'm', 'virtualNodes', 'n'), {'spec': node_spec(
        backends=[{'virtualService': {'virtualServiceName': 's.local'}}])})
    drop('virtualServices', 's.local')
    busy((), mesh % ('VirtualNodes', 'VirtualNodes'))
    drop('virtualNodes', 'n')
    drop()
    nothing_bad(cp, 'in use: nothing is logged as an error')


def missing():
    """Who is not there is named, the outermost first."""
    cp, _ = control_plane()

    for title, collection, name, spec, _ in KINDS[1:]:
        refused(create(cp, title, collection, name, spec),
                'NotFoundException', 404,
                'Mesh with name m is not present for account %s' % OWNER,
                'Create%s without its mesh' % title)
        refused(cp.get(uri(*collection)), 'NotFoundException', 404,
                'Mesh with name m is not present', 'a list without its mesh')

    create(cp, *KINDS[0][:4])
    under = 'under mesh m for account %s' % OWNER

    for kind, text in (
            (KINDS[3], 'VirtualRouter with name r is not present ' + under),
            (KINDS[4], 'VirtualRouter with name r is not present ' + under),
            (KINDS[6], 'VirtualGateway with name g is not present ' + under)):
        refused(create(cp, *kind[:4]), 'NotFoundException', 404, text,
                'Create%s: %s' % (kind[0], text))

    create(cp, *KINDS[2][:4])
    refused(create(cp, *KINDS[3][:4]), 'NotFoundException', 404,
            'VirtualNode with name n is not present ' + under,
            'a route to a node that is not there')
    refused(cp.get(uri('meshes', 'm', 'virtualNodes', 'x')),
            'NotFoundException', 404,
            'VirtualNode with name x is not present ' + under,
            'a node that is not there')
    refused(cp.get(uri('meshes', 'm', 'virtualRouter', 'r', 'routes', 'x')),
            'NotFoundException', 404,
            'Route with name x is not present under VirtualRouter r ' + under,
            'a route that is not there')


def bad_requests():
    cp, _ = control_plane()
    fill(cp)

    def bad(answer, text, name):
        refused(answer, 'BadRequestException', 400, text, name)

    for title, collection, name, spec, _ in KINDS:
        bad(cp.get(uri(*collection, 'a/b')), "'a/b'",
            'Describe%s with a slash in the name' % title)
        bad(create(cp, title, collection, 'a/b', spec), "'a/b'",
            'Create%s with one' % title)
        bad(create(cp, title, collection, 'a\x01', spec), name_of(title),
            'Create%s with a control character' % title)
        if title != 'Mesh':
            bad(create(cp, title, collection, name, None), 'spec',
                'Create%s without spec' % title)
            bad(cp.put(uri(*collection, name), {}), 'spec',
                'Update%s without spec' % title)
            bad(cp.get(uri(*collection, name, meshOwner='1234567890/2')),
                'meshOwner', 'Describe%s of no account' % title)

    bad(cp.get(uri('meshes', 'm/virtualNodes')), 'meshName', 'an ARN as name')
    bad(create(cp, 'VirtualService', ('meshes', 'm', 'virtualServices'),
               'no host', {}), 'host name', 'a service that is no host name')

    for query in ({'limit': 0}, {'limit': 101}, {'limit': 'x'},
                  {'nextToken': 'x'}, {'nextToken': ''}):
        bad(cp.get(uri('meshes', **query)), list(query)[0],
            'ListMeshes with %r' % query)

    tap.same(cp.put(uri('meshes', 'm'), {}).body['spec'], {},
             'a mesh needs no spec')
    tap.same(create(cp, 'VirtualService', ('meshes', 'm', 'virtualServices'),
                    'S.Local', {}).status, 409,
             'the name of a service is the same in another case')


def pages():
    cp, _ = control_plane()
    create(cp, *KINDS[0][:4])
    create(cp, *KINDS[2][:4])
    n = 250

    for i in range(n):
        create(cp, 'VirtualNode', KINDS[1][1], 'n%03d' % i, node_spec())

    want = ['n%03d' % i for i in range(n)]

    for limit in (None, 100, 37, 1):
        got, sizes, token = [], [], None
        while token or not sizes:
            query = {'nextToken': token} if token else {}
            if limit:
                query['limit'] = limit
            page = cp.get(uri(*KINDS[1][1], **query)).body
            got += [x['virtualNodeName'] for x in page['virtualNodes']]
            sizes.append(len(page['virtualNodes']))
            token = page.get('nextToken')
            if limit == 1 and len(sizes) == 20:
                break
        tap.same(got, want[:len(got)], 'pages of %s are in order' % limit)
        if limit != 1:
            tap.same(sizes[:-1], [limit or 100] * (len(sizes) - 1),
                     'and full, %d in all' % len(got))
            tap.same(len(got), n, 'and none is left out')

    token = cp.get(uri(*KINDS[1][1], limit=10)).body['nextToken']
    path = uri(*KINDS[1][1], nextToken=token)
    cp.delete(uri(*KINDS[1][1], 'n009'))
    tap.same(cp.get(path).body['virtualNodes'][0]['virtualNodeName'], 'n010',
             'a page goes on where the last one of it is deleted')

    for name, path in (
            ('another list', uri(*KINDS[2][1], nextToken=token)),
            ('another operation', uri('meshes', nextToken=token)),
            ('half a token', uri(*KINDS[1][1], nextToken=token[:12]))):
        refused(cp.get(path), 'BadRequestException', 400, 'nextToken', name)

    create(cp, 'Mesh', ('meshes',), 'm2', {})
    refused(cp.get(uri('meshes', 'm2', 'virtualNodes', nextToken=token)),
            'BadRequestException', 400, 'nextToken', 'another mesh')


def tokens():
    cp, other = control_plane()
    fill(cp, KINDS[:3])
    node = KINDS[1]
    args = ('VirtualNode', node[1], 't')

    first = create(cp, *args, node_spec(), clientToken='one')
    again = create(cp, *args, node_spec(), clientToken='one')
    tap.same((again.status, again.data), (200, first.data),
             'a create that is sent again is answered again')

    body = ('{"clientToken": "one", "spec": {"serviceDiscovery": {"dns": '
            '{"hostname": "127.0.0.1"}}, "listeners": [{"portMapping": '
            '{"protocol": "http", "port": 8080}}]}, "virtualNodeName": "t"}')
    tap.same(cp.put(uri(*node[1], meshOwner=OWNER), body).data, first.data,
             'the order of members and the own account do not matter')

    refused(create(cp, *args, node_spec(9090), clientToken='one'),
            'ConflictException', 409, 'token one ', 'with another spec')
    refused(create(cp, *args, node_spec(), clientToken='one',
                   tags=[{'key': 'k', 'value': 'v'}]),
            'ConflictException', 409, 'token one ', 'with a tag')
    refused(create(cp, *args, node_spec(), clientToken='two'),
            'ConflictException', 409, 'VirtualNode with name t already exists',
            'with another token')
    refused(other.call('PUT', uri(*node[1], meshOwner=OWNER), body),
            'ConflictException', 409, 'token one ', 'by another account')

    item = uri(*node[1], 't')
    update = {'spec': node_spec(9090), 'clientToken': 'three'}
    second = cp.put(item, update)
    tap.same(cp.put(item, update).data, second.data,
             'an update that is sent again is done once')
    tap.same(second.body['metadata']['version'], 2, 'by its version')
    refused(cp.put(item, dict(update, spec=node_spec(7070))),
            'ConflictException', 409, 'token three ', 'with another spec')

    third = cp.put(item, {'spec': node_spec(7070), 'clientToken': 'four'})
    tap.same(cp.put(item, update).data, third.data,
             'what was changed since is not changed back')
    tap.same(create(cp, *args, node_spec(), clientToken='one').data,
             third.data, 'nor by the create')
    tap.same(cp.put(item, {'spec': node_spec()}).body['metadata']['version'],
             4, 'an update without a token is always done')

    cp.delete(item)
    tap.same(create(cp, *args, node_spec(), clientToken='one')
             .body['metadata']['version'], 1, 'tokens go with their resource')


def tags():
    cp, other = control_plane()
    fill(cp)

    def listed(arn, **query):
        return cp.get(uri('tags', resourceArn=arn, **query))

    def tag(arn, **pairs):
        return cp.put(uri('tag', resourceArn=arn), {'tags': [
            {'key': k, 'value': v} for k, v in pairs.items()]})

    for title, collection, name, _, _ in KINDS:
        arn = ARN + 'm' + PARTS[title]
        old = cp.get(uri(*collection, name)).data
        tap.same([tag(arn, b='2', a='1').body, tag(arn, b='3').body,
                  listed(arn).body],
                 [{}, {}, {'tags': [{'key': 'a', 'value': '1'},
                                    {'key': 'b', 'value': '3'}]}],
                 'a %s is tagged' % title)
        tap.same(cp.get(uri(*collection, name)).data, old,
                 'and is the same for all else')
        tap.same([cp.put(uri('untag', resourceArn=arn),
                         {'tagKeys': ['b', 'none']}).body,
                  listed(arn).body],
                 [{}, {'tags': [{'key': 'a', 'value': '1'}]}],
                 'a tag is taken off')

    arn = ARN + 'm'
    tap.same(tag(arn, **{'k%02d' % i: '' for i in range(49)}).status, 200,
             '50 tags')
    refused(tag(arn, a='new', k99='one more'), 'TooManyTagsException', 400,
            '51', 'one too many')
    tap.same(listed(arn, limit=1).body['tags'], [{'key': 'a', 'value': '1'}],
             'none of them is there')
    page = listed(arn, limit=20).body
    rest = listed(arn, nextToken=page['nextToken']).body
    tap.same([t['key'] for t in page['tags'] + rest['tags']],
             ['a'] + ['k%02d' % i for i in range(49)], 'tags come by pages')
    tap.ok('nextToken' not in rest and 'nextToken' not in listed(arn).body,
           'to the last')

    for bad, text in ((tag(arn, **{'aws:x': '1'}), 'aws:'),
                      (cp.put(uri('tag', resourceArn=arn), {'tags': [
                          {'key': 'x', 'value': '1'},
                          {'key': 'x', 'value': '2'}]}), 'twice'),
                      (listed(arn, limit=51), 'limit'),
                      (listed(arn, nextToken='x'), 'nextToken'),
                      (listed(arn.replace('us-east-1', 'eu-west-1')), 'ARN'),
                      (listed(arn.replace('arn:aws', 'arn:aws-cn')), 'ARN'),
                      (listed(arn + '/virtualNode'), 'ARN'),
                      (listed('x'), 'ARN')):
        refused(bad, 'BadRequestException', 400, text, 'refused: ' + text)

    for name in ('none', 'm/virtualNode/none', 'm/virtualRouter/none/route/x'):
        refused(listed(ARN + name), 'NotFoundException', 404, ARN + name,
                'no resource: ' + name)

    tap.same(create(cp, 'VirtualNode', KINDS[1][1], 'k', node_spec(),
                    tags=[{'key': 'aws:x', 'value': ''}]).status, 400,
             'tags of a create are checked')
    refused(other.call('PUT', uri('tag', resourceArn=arn), {'tags': []}),
            'ForbiddenException', 403, OTHER, "another account's tags")


def sharing():
    cp, other = control_plane()
    fill(cp)
    shared = {'meshOwner': OWNER}

    def path(*segments):
        return uri('meshes', 'm', *segments, **shared)

    refused(other.call('GET', uri('meshes', 'm')), 'NotFoundException', 404,
            'account ' + OTHER, 'a mesh is the own one by default')
    tap.same(other.call('GET', path()).data, cp.get(uri('meshes', 'm')).data,
             'a mesh of another account')
    refused(other.call('GET', uri('meshes', 'm', meshOwner='999999999999')),
            'NotFoundException', 404, 'account 999999999999',
            'a mesh of an account that has none')

    other.call('PUT', uri('meshes'), {'meshName': 'm'})
    other.call('PUT', uri('meshes'), {'meshName': 'own'})
    tap.same([(m['meshOwner'], m['meshName']) for m in
              other.call('GET', uri('meshes')).body['meshes']],
             [(OWNER, 'm'), (OTHER, 'm'), (OTHER, 'own')],
             'all meshes are listed')

    made = other.call('PUT', path('virtualNodes'),
                      {'virtualNodeName': 'theirs', 'spec': node_spec()})
    meta = made.body['metadata']
    tap.same((made.status, meta['meshOwner'], meta['resourceOwner'],
              meta['arn']),
             (200, OWNER, OTHER, ARN.replace(OWNER, OTHER)
              + 'm/virtualNode/theirs'), 'a node in the mesh of another')

    body = {'spec': node_spec()}
    refused(cp.put(path('virtualNodes', 'theirs'), body),
            'ForbiddenException', 403, 'not the owner',
            'the owner of the mesh does not change it')
    refused(other.call('PUT', path('virtualNodes', 'n'), body),
            'ForbiddenException', 403, 'not the owner',
            'nor is a node of the owner changed by others')
    refused(other.call('DELETE', path('virtualNodes', 'n')),
            'ForbiddenException', 403, 'not the owner', 'or deleted')
    tap.same(other.call('PUT', path('virtualNodes', 'theirs'), body).status,
             200, 'but the own one is')

    for title, collection, name, spec, _ in KINDS[5:]:
        refused(other.call('PUT', path(*collection[2:]),
                           {name_of(title): 'z', 'spec': spec}),
                'ForbiddenException', 403, title,
                'a %s is for the owner of the mesh' % title)

    arn = meta['arn']
    tap.same(other.call('PUT', uri('tag', resourceArn=arn), {
        'tags': [{'key': 'k', 'value': 'v'}]}).status, 200,
        'it is tagged by its ARN')
    tap.same(cp.get(uri('tags', resourceArn=arn)).body,
             {'tags': [{'key': 'k', 'value': 'v'}]}, 'for all to see')
    refused(cp.put(uri('untag', resourceArn=arn), {'tagKeys': ['k']}),
            'ForbiddenException', 403, 'not the owner', 'but not to change')
    tap.same(cp.delete(path('virtualNodes', 'theirs')).status, 200,
             'the owner of the mesh may delete all')


def quotas():
    cp, _ = control_plane('mesh_quotas meshes=2 virtual_nodes=2 routes=1 '
                          'backends=1;')
    fill(cp)

    create(cp, 'Mesh', ('meshes',), 'm2', {})
    refused(create(cp, 'Mesh', ('meshes',), 'm3', {}),
            'LimitExceededException', 400, '"meshes"', 'one mesh too many')

    create(cp, 'VirtualNode', KINDS[1][1], 'n2', node_spec())
    refused(create(cp, 'VirtualNode', KINDS[1][1], 'n3', node_spec()),
            'LimitExceededException', 400, 'no more than 2 under mesh m',
            'one node too many')
    tap.same(create(cp, 'VirtualNode', ('meshes', 'm2', 'virtualNodes'), 'n',
                    node_spec()).status, 200, 'not in another mesh')
    refused(create(cp, 'Route', KINDS[3][1], 'x2', route_spec('n')),
            'LimitExceededException', 400, '"routes"', 'one route too many')

    backends = [{'virtualService': {'virtualServiceName': name}}
                for name in ('a.local', 'b.local')]
    refused(cp.put(uri(*KINDS[1][1], 'n2'),
                   {'spec': node_spec(backends=backends)}),
            'LimitExceededException', 400, '"backends"',
            'one backend too many')
    cp.delete(uri(*KINDS[1][1], 'n2'))
    tap.same(create(cp, 'VirtualNode', KINDS[1][1], 'n3',
                    node_spec()).status, 200, 'what was deleted makes room')


def races():
    """Clients that create and delete the same few things of one mesh, through
    several workers: whoever is told that something is done can rely on it."""
    cp, _ = control_plane(workers=3)
    end = time.monotonic() + (30 if LONG else 5) * SLOW
    seen, odd = {}, []
    fine = {200, 404, 409, 429}

    def client(seed):
        i = seed * 7
        while time.monotonic() < end:
            i += 5 + seed
            title, collection, name, spec, other = KINDS[i % len(KINDS)]
            if i // 7 % 5 < 3:
                answer = create(cp, title, collection, name, spec)
            elif i // 7 % 5 == 3:
                answer = cp.put(uri(*collection, name), {'spec': other})
            else:
                answer = cp.delete(uri(*collection, name))
            key = answer.status, answer.error
            seen[key] = seen.get(key, 0) + 1
            if answer.status not in fine:
                odd.append((answer.status, answer.error, answer.message))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

    tap.say(sorted((k, v) for k, v in seen.items() if k[0]))
    tap.ok(seen.get((200, None), 0) > 20, 'races: there was some progress')
    tap.same(odd[:3], [],
             'races: no answer is out of place')
    races_whole(cp)

    # what is left can be taken away: no reference is left behind
    for _ in range(len(KINDS)):
        for title, collection, name, _, _ in reversed(KINDS):
            cp.delete(uri(*collection, name))
    tap.same(cp.get(uri('meshes')).body, {'meshes': []},
             'races: all of it can be deleted')
    fill(cp)
    tap.same([cp.get(uri(*k[1], k[2])).status for k in KINDS], [200] * 7,
             'races: and made again')
    tap.same(cp.delete(uri('meshes', 'm', 'virtualNodes', 'n')).status, 409,
             'races: with its references')
    nothing_bad(cp, 'races: nothing is logged as an error')


def races_whole(cp):
    """All that is there has what it needs."""
    needs = {'VirtualNode': ('Mesh',), 'VirtualRouter': ('Mesh',),
             'Route': ('VirtualRouter', 'VirtualNode'),
             'VirtualService': ('Mesh',), 'VirtualGateway': ('Mesh',),
             'GatewayRoute': ('VirtualGateway', 'VirtualService')}
    there = {k[0]: cp.get(uri(*k[1], k[2])) for k in KINDS}

    for title, parents in needs.items():
        if there[title].status != 200:
            continue
        spec = there[title].body['spec']
        if 'virtualRouter' in spec.get('provider', {}):
            parents += ('VirtualRouter',)
        if 'virtualNode' in spec.get('provider', {}):
            parents += ('VirtualNode',)
        tap.ok(all(there[p].status == 200 for p in parents),
               'races: %s has %s' % (title, ' and '.join(parents)),
               *['%s: %d' % (k, v.status) for k, v in there.items()])


tap.run(operations, in_use, missing, bad_requests, pages, tokens, tags,
        sharing, quotas, races)
