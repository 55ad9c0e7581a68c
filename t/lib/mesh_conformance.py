"""What every client of the App Mesh API has to get done against a real control
plane: all operations, on specs that say all that can be said, and all errors.

A client is an object with

    call(operation, params, who='admin')        -> Result

"who" is one of WHO.  What goes over the wire is recorded and compared with the
API model besides.
"""

import re
import sqlite3

import mesh_model
import mesh_specs

from mesh_control import ControlPlane
from mesh_record import Recorder
from mesh_specs import PARENTS, SPECS, echoed, member, plural
from mesh_test import tap

ACCOUNT, OTHER = '111122223333', '444455556666'
REGION = 'eu-central-1'
ARN = 'arn:aws:appmesh:%s:%s:mesh/' % (REGION, ACCOUNT)

KEYS = '''
AKIACONFORMADMIN  a+secret/of=the%%admin  admin
AKIACONFORMREAD   a-secret-to-read        read
AKIACONFORMOTHER  the-secret-of-another   admin account=%s
''' % OTHER

# key, secret, attempts of the client
WHO = {'admin': ('AKIACONFORMADMIN', 'a+secret/of=the%admin', 1),
       'retry': ('AKIACONFORMADMIN', 'a+secret/of=the%admin', 4),
       'read': ('AKIACONFORMREAD', 'a-secret-to-read', 1),
       'other': ('AKIACONFORMOTHER', 'the-secret-of-another', 1),
       'wrong': ('AKIACONFORMADMIN', 'not-the-secret', 1),
       'nobody': ('AKIACONFORMNONE', 'no-secret', 1)}

# given where requests are authenticated, whatever the service
COMMON_ERRORS = {'AccessDeniedException': 403,
                 'InvalidSignatureException': 403,
                 'IncompleteSignatureException': 403,
                 'MissingAuthenticationTokenException': 403,
                 'UnrecognizedClientException': 403,
                 'UnknownOperationException': 404}

MESHES = 9                      # the quota


class Result:
    """What a client makes of an answer: either the output, as JSON has it, or
    the name, the status (None if it does not tell) and message of an error."""

    def __init__(self, output=None, error=None, status=None, message=None):
        self.output = output
        self.error, self.status, self.message = error, status, message

    def __repr__(self):
        return '%s %s %s' % (self.error, self.status, self.message) \
            if self.error else repr(self.output)


def plane():
    """A control plane with keys and several workers, and who listens in."""
    cp = ControlPlane(workers=3, keys=KEYS, location='''
        mesh_region %s;
        mesh_account %s;
        mesh_quotas meshes=%d;
    ''' % (REGION, ACCOUNT, MESHES)).start()
    return cp, Recorder(cp)


class Conformance:
    """"brief": one resource of a kind is described, not each of them."""

    def __init__(self, model, client, cp, recorder, brief=False):
        self.model, self.client = model, client
        self.cp, self.recorder = cp, recorder
        self.brief = brief
        self.resources = mesh_specs.Resources(model)

    def call(self, operation, params, who='admin'):
        return self.client.call(operation, params, who)

    def some(self, kind):
        calls = [c for c in self.resources.calls if c['kind'] == kind]
        return calls[:1] if self.brief else calls

    # what succeeds

    def create(self):
        """All resources, each with every member that it can have."""
        tap.same(self.resources.missing, set(),
                 'the specs say all that the model has')
        for c in self.resources.calls:
            self.changed('Create', c, self.call(
                'Create' + c['kind'], dict(c['params'], spec=c['spec'],
                                           tags=[{'key': 'kind',
                                                  'value': c['kind']}])), 1)

    def changed(self, verb, c, result, version):
        """The spec comes back as it was, with what is filled in."""
        name = '%s%s %s' % (verb, c['kind'], c['name'])
        got = (result.output or {}).get(member(c['kind'], ''), {})
        if not tap.ok(got.get('spec') == echoed(c['kind'], c['spec']), name,
                      result, 'want: %r' % c['spec']):
            return
        want = dict({k: v for k, v in c['params'].items()
                     if k != 'clientToken'}, version=version, status='ACTIVE',
                    meshOwner=ACCOUNT, resourceOwner=ACCOUNT)
        found = dict(got, **got['metadata'])
        found['status'] = got['status']['status']
        tap.same({k: found.get(k) for k in want}, want, name + ': its members')

    def describe(self):
        for kind in SPECS:
            for c in self.some(kind):
                self.changed('Describe', c,
                             self.call('Describe' + kind, c['params']), 1)

    def update(self):
        for kind in SPECS:
            c = self.resources.first(kind)
            params = dict(c['params'], spec=c['spec'], clientToken='u-' + kind)
            for again in ('', ', sent again'):
                self.changed('Update', dict(c, name=c['name'] + again),
                             self.call('Update' + kind, params), 2)

    def list(self):
        for kind in SPECS:
            c = self.resources.first(kind)
            params = {k: v for k, v in c['params'].items()
                      if k != member(kind)}
            want = sorted(x['name'] for x in self.resources.calls
                          if x['kind'] == kind
                          and all(x['params'][k] == v
                                  for k, v in params.items()))
            result = self.call('List' + plural(kind), params)
            got = [x[member(kind)] for x in (result.output or {}).get(
                plural(kind)[0].lower() + plural(kind)[1:], [])]
            tap.ok(sorted(got) == want, 'List%s' % plural(kind), result, want)

    def arn(self, kind):
        c = self.resources.first(kind)
        parts = [self.resources.mesh]
        for k in ([PARENTS[kind]] if kind in PARENTS else []) + [kind]:
            if k != 'Mesh':
                parts += [member(k, ''), c['params'][member(k)]]
        return ARN + '/'.join(parts)

    def tags(self):
        for kind in SPECS:
            arn = {'resourceArn': self.arn(kind)}
            first = {'key': 'kind', 'value': kind}
            more = {'key': 'k\u00e9y +&', 'value': ''}
            self.call('TagResource', dict(arn, tags=[more]))
            got = self.call('ListTagsForResource', arn)
            tap.ok(got.output and sorted(got.output['tags'], key=str)
                   == sorted([first, more], key=str),
                   'tags of a ' + kind, got)
            self.call('UntagResource', dict(arn, tagKeys=[more['key']]))
            got = self.call('ListTagsForResource', arn)
            tap.ok(got.output and got.output['tags'] == [first],
                   'tags taken off a ' + kind, got)

    def delete(self):
        for c in reversed(self.resources.calls):
            result = self.call('Delete' + c['kind'], c['params'])
            got = (result.output or {}).get(member(c['kind'], ''), {})
            tap.ok(got.get('status') == {'status': 'DELETED'},
                   'Delete%s %s' % (c['kind'], c['name']), result)

    # what does not

    def refused(self, operation, params, error, text='', who='admin'):
        result = self.call(operation, params, who)
        status = self.model.errors.get(error, COMMON_ERRORS.get(error))
        return tap.ok(result.error == error
                      and result.status in (status, None)
                      and text in (result.message or ''),
                      '%s: %s %s' % (operation, error, text), result)

    def errors(self):
        """While all resources are there."""
        mesh = {'meshName': self.resources.mesh}
        node = self.resources.first('VirtualNode')

        for c in [self.resources.first(kind) for kind in SPECS]:
            kind, params = c['kind'], dict(c['params'])
            params[member(kind)] = 'none'
            for verb in ('Describe', 'Update', 'Delete'):
                more = {'spec': c['spec']} if verb == 'Update' else {}
                self.refused(verb + kind, dict(params, **more),
                             'NotFoundException', 'with name none is not')
            params[member(kind)] = c['name']
            self.refused('Create' + kind, dict(
                params, spec=c['spec'], clientToken='another'),
                'ConflictException', 'with name %s already' % c['name'])
            if kind != 'Mesh':
                self.refused('Describe' + kind,
                             dict(params, meshOwner='12345678901x'),
                             'BadRequestException', 'meshOwner')
        for kind in ('Mesh', 'VirtualNode', 'VirtualRouter', 'VirtualService',
                     'VirtualGateway'):
            self.refused('Delete' + kind,
                         self.resources.first(kind)['params'],
                         'ResourceInUseException')

        self.refused('ListMeshes', {'limit': 101}, 'BadRequestException',
                     "Value '101' at 'limit' failed to satisfy constraint")
        self.refused('ListMeshes', {'nextToken': 'x'}, 'BadRequestException',
                     'nextToken')
        self.refused('CreateMesh', {'meshName': 'a/b'}, 'BadRequestException',
                     'meshName')
        self.refused('CreateVirtualNode', dict(mesh, virtualNodeName='x', spec={
            'listeners': [{'portMapping': {'port': 65536, 'protocol': 'x'}}]}),
            'BadRequestException', '2 validation errors detected')
        for i in range(MESHES - len([c for c in self.resources.calls
                                     if c['kind'] == 'Mesh'])):
            self.call('CreateMesh', {'meshName': 'more-%d' % i})
        self.refused('CreateMesh', {'meshName': 'more'},
                     'LimitExceededException', 'meshes')
        self.refused('TagResource', {
            'resourceArn': self.arn('Mesh'),
            'tags': [{'key': 'k%d' % i, 'value': ''} for i in range(50)]},
            'TooManyTagsException')
        self.refused('UpdateVirtualNode', dict(node['params'], spec={},
                                               meshOwner=ACCOUNT),
                     'ForbiddenException', who='other')
        self.refused('CreateMesh', {'meshName': 'new'},
                     'AccessDeniedException', 'appmesh:CreateMesh', who='read')
        self.refused('ListMeshes', {}, 'InvalidSignatureException', who='wrong')
        self.refused('ListMeshes', {}, 'UnrecognizedClientException',
                     who='nobody')

    def faults(self):
        """The store does not work; clients try again if they are told to."""
        mesh = self.resources.first('Mesh')['params']

        db = sqlite3.connect(self.cp.database, isolation_level=None)
        db.execute('BEGIN IMMEDIATE')
        tag = {'resourceArn': self.arn('Mesh'),
               'tags': [{'key': 'fault', 'value': ''}]}
        self.refused('TagResource', tag, 'ServiceUnavailableException', 'busy')
        db.execute('ROLLBACK')

        self.damaged(db)

        for status, name in ((429, 'TooManyRequestsException'),
                             (503, 'ServiceUnavailableException'),
                             (500, 'InternalServerErrorException')):
            self.recorder.fail(status, name)
            self.refused('DescribeMesh', mesh, name, 'made up')
            self.recorder.fail(status, name, times=2)
            n = len(self.recorder.exchanges)
            got = self.call('DescribeMesh', mesh, 'retry')
            tap.ok(got.output, '%d: tried again until it is answered' % status,
                   got)
            tap.same([e.status for e in self.recorder.exchanges[n:]],
                     [status, status, 200], 'twice')
        db.close()

    def damaged(self, db):
        """An entry of the store that somebody else wrote into."""
        mesh = self.resources.calls[1]
        key = ('/mesh/%s/%s' % (ACCOUNT, mesh['name'])).encode()
        value, = db.execute('SELECT value FROM entry WHERE key = ?',
                            (key,)).fetchone()
        put = 'UPDATE entry SET value = ? WHERE key = ?'
        db.execute(put, (bytes(value).split(b'\n')[0], key))
        self.refused('UpdateMesh', mesh['params'],
                     'InternalServerErrorException')
        db.execute(put, (value, key))
        result = self.call('UpdateMesh', dict(mesh['params'],
                                              spec=mesh['spec']))
        tap.ok(result.output, 'an entry that is whole again', result)

    # what was on the wire

    def wire(self):
        """Each answer is of its operation's shape; each operation had one."""
        bad, done, errors = [], set(), set()

        for e in self.recorder.exchanges:
            if e.made_up:
                continue
            operation = self.model.operation_of(e.method, e.target)
            if e.status == 200:
                why = self.model.violations(operation, e.body)
                done.add(operation)
            else:
                why = self.error_violations(operation, e)
                errors.add(e.error)
            if e.field('Content-Type') != 'application/json':
                why.append('Content-Type: %s' % e.field('Content-Type'))
            if not e.field('x-amzn-RequestId'):
                why.append('no request id')
            bad += ['%s: %s' % (operation, w) for w in why]

        tap.same(bad[:8], [], 'all of %d answers are of their shapes'
                 % len(self.recorder.exchanges))
        tap.same(set(self.model.operations) - done, set(),
                 'all of %d operations were done' % len(done))
        tap.say('errors: ' + ', '.join(sorted(errors)))
        tap.same(set(self.model.errors) - errors,
                 {'TooManyRequestsException'},
                 'and all errors of the model given, but that of contention')

    def error_violations(self, operation, e):
        model = {x['shape'] for x in
                 self.model.operations[operation]['errors']}
        why = []
        if e.error not in model and e.error not in COMMON_ERRORS:
            why.append('%s is no error of it' % e.error)
        if e.status != self.model.errors.get(e.error,
                                             COMMON_ERRORS.get(e.error)):
            why.append('%s with status %d' % (e.error, e.status))
        if set(e.body) != {'message'} or not isinstance(e.body['message'],
                                                        str):
            why.append('body: %r' % e.body)
        return why

    def quiet(self):
        bad = [x for x in self.cp.bad() + self.cp.lines(r'\[error\]')
               if not re.search('busy|locked|is not a resource'
                                '|InternalServerErrorException', x)]
        tap.same(bad[:5], [], 'nothing bad is logged')


def requirements():
    """The model, or why there is nothing to test with."""
    model = mesh_model.load()
    if model is None:
        tap.skip_all('no API model: neither MESH_SHARED nor botocore is here')
    return model
