#!/usr/bin/python3

"""Authentication of the control plane: signatures of an implementation in
Python that stands here, and of botocore where it is; what is tampered with,
permissions, keys that change, and the rule of the own machine.
"""

import datetime
import email.utils
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_control import ControlPlane, uri  # noqa: E402
from mesh_test import (Backend, Sidecar, SLOW, directory,  # noqa: E402
                       free_port, reply, tap, wait)

ACCOUNT = '111122223333'
REGION = 'us-west-2'

KEYS = '''
# id        secret   may
AKIAADMIN   admin+/= admin
AKIAREAD    read     read
AKIAPROXY   proxy    proxy mesh/m/virtualNode/a mesh/m/virtualGateway/g-*
AKIATOKEN   token    read token=session/+=
AKIAOTHER   other    admin account=222222222222
'''

SECRETS = {line.split()[0]: line.split()[1] for line in KEYS.splitlines()
           if line and line[0] == 'A'}

LOCATION = 'mesh_region %s; mesh_account %s;' % (REGION, ACCOUNT)


# Signature Version 4, once more

def quote(text, safe=''):
    return urllib.parse.quote(text, safe='-_.~' + safe)


def stamp(shift=0):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=shift)).strftime('%Y%m%dT%H%M%SZ')


def derive(secret, day, region, service):
    key = ('AWS4' + secret).encode()
    for part in (day, region, service, 'aws4_request'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def signature(secret, scope, date, method, path, query, headers, signed, body):
    canonical = '\n'.join([
        method, quote(path, '/'),
        '&'.join('%s=%s' % p for p in sorted((quote(k), quote(v))
                                             for k, v in query)),
        ''.join('%s:%s\n' % (n, ' '.join(headers[n].split()))
                for n in signed),
        ';'.join(signed), hashlib.sha256(body).hexdigest()])
    string = '\n'.join(['AWS4-HMAC-SHA256', date, scope,
                        hashlib.sha256(canonical.encode()).hexdigest()])
    day, region, service = scope.split('/')[:3]
    return hmac.new(derive(secret, day, region, service), string.encode(),
                    hashlib.sha256).hexdigest()


class Signer:
    """Signs requests to a control plane; call() sends one that is signed.

    change(headers) may tamper with what is sent.
    """

    def __init__(self, cp, key='AKIAADMIN', secret=None, region=REGION,
                 service='appmesh', shift=0, token=None, http_date=False):
        self.cp, self.key = cp, key
        self.secret = SECRETS.get(key, 'nobody') if secret is None else secret
        self.region, self.service = region, service
        self.shift, self.token, self.http_date = shift, token, http_date

    def scope(self, date):
        return '/'.join([date[:8], self.region, self.service, 'aws4_request'])

    def headers(self, method, target, body=b'', more=()):
        path, _, query = target.partition('?')
        date = stamp(self.shift)
        headers = {'host': '%s:%d' % (self.cp.host, self.cp.port)}
        if self.http_date:
            date = stamp()
            headers['date'] = email.utils.formatdate(usegmt=True)
            date = datetime.datetime.strptime(
                headers['date'], '%a, %d %b %Y %H:%M:%S GMT').strftime(
                    '%Y%m%dT%H%M%SZ')
        else:
            headers['x-amz-date'] = date
        if self.token:
            headers['x-amz-security-token'] = self.token
        if body:
            headers['content-type'] = 'application/json'
        headers.update(more)
        signed = sorted(headers)
        headers['authorization'] = (
            'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s'
            % (self.key, self.scope(date), ';'.join(signed),
               signature(self.secret, self.scope(date), date, method, path,
                         urllib.parse.parse_qsl(query,
                                                keep_blank_values=True),
                         headers, signed, body)))
        # call() knows it by this name
        if body:
            headers['Content-Type'] = headers.pop('content-type')
        return headers

    def call(self, method, target, body=b'', change=None, more=()):
        headers = self.headers(method, target, body, more)
        if change:
            change(headers)
        return self.cp.call(method, target, body or None, headers=headers)

    def presign(self, method, target, expires=60):
        path, _, query = target.partition('?')
        date = stamp(self.shift)
        members = urllib.parse.parse_qsl(query, keep_blank_values=True)
        members += [('X-Amz-Algorithm', 'AWS4-HMAC-SHA256'),
                    ('X-Amz-Credential',
                     '%s/%s' % (self.key, self.scope(date))),
                    ('X-Amz-Date', date), ('X-Amz-Expires', str(expires)),
                    ('X-Amz-SignedHeaders', 'host')]
        if self.token:
            members.append(('X-Amz-Security-Token', self.token))
        host = {'host': '%s:%d' % (self.cp.host, self.cp.port)}
        sign = signature(self.secret, self.scope(date), date, method, path,
                         members, host, ['host'], b'')
        return path + '?' + '&'.join(
            '%s=%s' % (quote(k), quote(v))
            for k, v in members + [('X-Amz-Signature', sign)])


def control(keys=KEYS, **kw):
    return ControlPlane(keys=keys, location=LOCATION, **kw)


def accepted(answer, name):
    return tap.ok(answer.status in (200, 404) and answer.error
                  in (None, 'NotFoundException'), name,
                  answer.status, answer.error, answer.body)


def refused(answer, error, message, name):
    return tap.ok(answer.status == 403 and answer.error == error
                  and (answer.message or '').startswith(message), name,
                  answer.status, answer.error, answer.body)


MISMATCH = ('InvalidSignatureException', 'The request signature we calculated')
UNKNOWN = ('UnrecognizedClientException', 'The security token included')
DENIED = 'AccessDeniedException'


def signatures():
    cp = control().start()
    s = Signer(cp)

    made = s.call('PUT', uri('meshes'), b'{"meshName": "m"}')
    tap.ok(made.status == 200, 'a signed request', made.body)
    tap.same(made.body['metadata']['meshOwner'], ACCOUNT, 'is its account\'s')

    for what, target in (
            ('members of the query', uri('meshes', limit=1)),
            ('an escaped path', uri('meshes', 'a b;c%+:é')),
            ('escaped members', uri('tags', resourceArn='arn:aws:appmesh:%s:%s'
                                    ':mesh/m' % (REGION, ACCOUNT)))):
        accepted(s.call('GET', target), what)

    accepted(Signer(cp, http_date=True).call('GET', uri('meshes')), 'Date')
    accepted(s.call('GET', uri('meshes'), more={'x-amz-meta': '  a   b '}),
             'blanks in a header')
    accepted(s.call('GET', uri('meshes'), more={
        'x-amz-content-sha256': hashlib.sha256(b'').hexdigest()}),
        'the hash of the body in a header')
    accepted(cp.get(s.presign('GET', uri('meshes', limit=1))), 'presigned')
    accepted(Signer(cp, shift=-290).call('GET', uri('meshes')), 'a late one')
    accepted(Signer(cp, shift=290).call('GET', uri('meshes')), 'an early one')

    headers = s.headers('GET', uri('meshes'))
    tap.ok([cp.get(uri('meshes'), headers=headers).status
            for _ in range(3)] == [200] * 3,
           'a request may be repeated while it is young')

    other = Signer(cp, 'AKIAOTHER').call('PUT', uri('meshes'),
                                         b'{"meshName": "o"}')
    tap.ok(other.status == 200 and
           other.body['metadata']['meshOwner'] == '222222222222',
           'a key of another account', other.body)
    tap.same(cp.bad(), [], 'nothing bad in the log')


def tampering():
    cp = control().start()
    s = Signer(cp)
    body = b'{"meshName": "m"}'

    def put(change):
        return s.call('PUT', uri('meshes'), body, change)

    def last(headers):
        a = headers['authorization']
        headers['authorization'] = a[:-1] + ('1' if a[-1] == '0' else '0')

    refused(cp.get(uri('meshes')), 'MissingAuthenticationTokenException',
            'Missing Authentication Token', 'not signed')
    refused(put(last), *MISMATCH, name='the last digit')
    refused(put(lambda h: h.update({'Content-Type': 'text/plain'})), *MISMATCH,
            name='a header')
    refused(put(lambda h: h.update({'x-amz-new': 'x'})),
            'InvalidSignatureException', 'There were headers present',
            'a header of AWS that is not signed')
    refused(cp.put(uri('meshes'), b'{"meshName": "n"}',
                   headers=s.headers('PUT', uri('meshes'), body)),
            *MISMATCH, name='another body')
    refused(cp.put(uri('meshes', limit=1), body,
                   headers=s.headers('PUT', uri('meshes'), body)),
            *MISMATCH, name='another query')
    refused(cp.delete(uri('meshes', 'm'),
                      headers=s.headers('GET', uri('meshes', 'm'))),
            *MISMATCH, name='another method')
    refused(cp.get(uri('meshes', 'n'),
                   headers=s.headers('GET', uri('meshes', 'm'))),
            *MISMATCH, name='another path')
    refused(s.call('PUT', uri('meshes'), body,
                   more={'x-amz-content-sha256': 'UNSIGNED-PAYLOAD'}),
            'InvalidSignatureException', "The provided 'x-amz-content-sha256'",
            'a body that is not signed')

    refused(Signer(cp, secret='wrong').call('GET', uri('meshes')), *MISMATCH,
            name='another secret')
    refused(Signer(cp, 'NOBODY').call('GET', uri('meshes')), *UNKNOWN,
            name='an unknown key')
    refused(Signer(cp, region='eu-west-1').call('GET', uri('meshes')),
            'InvalidSignatureException',
            "Credential should be scoped to a valid region, not 'eu-west-1'",
            'another region')
    refused(Signer(cp, service='s3').call('GET', uri('meshes')),
            'InvalidSignatureException',
            'Credential should be scoped to correct service', 'another service')
    refused(Signer(cp, shift=-330).call('GET', uri('meshes')),
            'InvalidSignatureException', 'Signature expired: ', 'too old')
    refused(Signer(cp, shift=330).call('GET', uri('meshes')),
            'InvalidSignatureException', 'Signature not yet current: ',
            'too young')

    for token, good in (('session/+=', True), ('session', False),
                        (None, False)):
        answer = Signer(cp, 'AKIATOKEN', token=token).call('GET',
                                                           uri('meshes'))
        target = Signer(cp, 'AKIATOKEN', token=token).presign('GET',
                                                              uri('meshes'))
        for a, how in ((answer, 'in a header'), (cp.get(target), 'presigned')):
            if good:
                accepted(a, 'the right token, ' + how)
            else:
                refused(a, *UNKNOWN, name='token %r, %s' % (token, how))

    good = s.presign('GET', uri('meshes', limit=1))
    refused(cp.get(good.replace('limit=1', 'limit=2')), *MISMATCH,
            name='presigned, another member')
    refused(cp.get(good.replace('Expires=60', 'Expires=600')), *MISMATCH,
            name='presigned, a longer life')
    refused(cp.put(good), *MISMATCH, name='presigned, another method')
    refused(cp.get(Signer(cp, shift=-70).presign('GET', uri('meshes'))),
            'InvalidSignatureException', 'Signature expired: ',
            'presigned, at the end of its life')

    tap.same(s.call('GET', uri('meshes')).body, {'meshes': []},
             'nothing was made')
    tap.ok(not [x for x in SECRETS.values() if len(x) > 5 and x in cp.log()],
           'no secret is in the log')


def strangers():
    """Who is nobody is told so before a large body is taken in."""

    cp = control().start()

    def start(headers, wait):
        s = socket.create_connection(('127.0.0.1', cp.port), 20 * SLOW)
        lines = ['PUT %s HTTP/1.1' % uri('meshes'),
                 'Host: 127.0.0.1:%d' % cp.port, 'Content-Length: 500000']
        lines += ['%s: %s' % h for h in headers.items()]
        s.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
        s.settimeout(wait)
        try:
            with s:
                return s.recv(4096).decode().split('\r\n')
        except socket.timeout:
            return []

    def known(key):
        h = Signer(cp, key).headers('PUT', uri('meshes'), b'x' * 500000)
        return {n: v for n, v in h.items() if n.lower() != 'host'}

    for headers, name, error in (
            ({}, 'nobody', 'MissingAuthenticationTokenException'),
            ({'Authorization': 'AWS4-HMAC-SHA256 x'}, 'a bad signature',
             'IncompleteSignatureException'),
            (known('NOBODY'), 'an unknown key',
             'UnrecognizedClientException')):
        answer = start(headers, 20 * SLOW)
        tap.ok(answer and ' 403 ' in answer[0]
               and 'x-amzn-ErrorType: ' + error in answer,
               name + ' is refused before the body', answer)

    tap.same(start(known('AKIAADMIN'), 1), [],
             'the body of one who is known is waited for')


def document(kind, name, mesh='m'):
    return '/mesh/v1/meshes/%s/%s/%s/document' % (mesh, kind, name)


def permissions():
    cp = control().start()
    keys = {key: Signer(cp, key) for key in SECRETS}
    admin = keys['AKIAADMIN']

    admin.call('PUT', uri('meshes'), b'{"meshName": "m"}')

    reads = [('GET', uri('meshes')), ('GET', uri('meshes', 'm')),
             ('GET', uri('meshes', 'm', 'virtualNodes')),
             ('GET', '/mesh/v1/meshes/m/proxies'),
             ('GET', uri('tags', resourceArn='arn:aws:appmesh:%s:%s:mesh/m'
                         % (REGION, ACCOUNT)))]
    writes = [('PUT', uri('meshes'), b'{"meshName": "x"}'),
              ('DELETE', uri('meshes', 'x'))]

    for key, may in (('AKIAADMIN', 'rw'), ('AKIAREAD', 'r'),
                     ('AKIAPROXY', '')):
        for letter, requests in (('r', reads), ('w', writes)):
            for request in requests:
                answer = keys[key].call(*request)
                name = '%s: %s %s' % (key, request[0], request[1])
                if letter in may:
                    accepted(answer, name)
                else:
                    refused(answer, DENIED, 'User: arn:aws:iam::%s:user/%s is '
                            'not authorized to perform: ' % (ACCOUNT, key),
                            name)

    answer = keys['AKIAREAD'].call('DELETE', uri('meshes', 'm'))
    tap.same(answer.message,
             'User: arn:aws:iam::%s:user/AKIAREAD is not authorized to '
             'perform: appmesh:DeleteMesh on resource: arn:aws:appmesh:%s:%s:'
             'mesh/m' % (ACCOUNT, REGION, ACCOUNT), 'the words of AWS')

    for kind, name, more, good in (
            ('virtualNodes', 'a', '', True),
            ('virtualNodes', 'a', '?meshOwner=' + ACCOUNT, True),
            ('virtualNodes', 'a', '?meshOwner=222222222222', False),
            ('virtualNodes', 'b', '', False),
            ('virtualGateways', 'g-1', '', True),
            ('virtualGateways', 'a', '', False)):
        target = document(kind, name) + more
        answer = keys['AKIAPROXY'].call('GET', target)
        if good:
            accepted(answer, 'AKIAPROXY: ' + target)
        else:
            refused(answer, DENIED, 'User: ', 'not AKIAPROXY: ' + target)

    answer = keys['AKIAPROXY'].call('GET', document('virtualNodes', 'a%2Fb'))
    tap.same((answer.status, answer.error), (400, 'BadRequestException'),
             'a name with a slash is none')

    # a mesh whose name looks like that of "m" with its owner is another one

    twin = 'm@' + ACCOUNT
    admin.call('PUT', uri('meshes'), json.dumps({'meshName': twin}).encode())

    for more in ('', '?meshOwner=' + ACCOUNT):
        target = document('virtualNodes', 'a', 'm%40' + ACCOUNT) + more
        refused(keys['AKIAPROXY'].call('GET', target), DENIED, 'User: ',
                'not AKIAPROXY: ' + target)

    for owner in ('1', '%2F', ACCOUNT + '%2FvirtualNode%2Fa', 'abcdefabcdef'):
        target = document('virtualNodes', 'a') + '?meshOwner=' + owner
        answer = keys['AKIAREAD'].call('GET', target)
        tap.same((answer.status, answer.error), (400, 'BadRequestException'),
                 'no account: ' + target)

    for key in ('AKIAADMIN', 'AKIAREAD'):
        accepted(keys[key].call('GET', document('virtualNodes', 'b')),
                 key + ': any document')


def replace(cp, text):
    with open(cp.path('keys.next'), 'w') as f:
        f.write(text)
    os.chmod(cp.path('keys.next'), 0o644)
    os.rename(cp.path('keys.next'), cp.path('keys'))


def reload_keys():
    cp = control(workers=2).start()
    s = Signer(cp)

    def everywhere(signer, status):
        # a connection each, so that both workers are met: one takes 16 in a
        # row at most
        for _ in range(40):
            c = cp.connection()
            answer = cp.call('GET', uri('meshes'), connection=c,
                             headers=signer.headers('GET', uri('meshes')))
            c.close()
            if answer.status != status:
                return False
        return True

    tap.ok(everywhere(s, 200), 'a key works')

    start = time.monotonic()
    replace(cp, KEYS.replace('AKIAADMIN', 'AKIANEW'))
    tap.ok(wait(lambda: everywhere(s, 403)), 'a key that is gone does not')
    tap.say('%.1f s' % (time.monotonic() - start))
    tap.ok(wait(lambda: everywhere(Signer(cp, 'AKIANEW', secret='admin+/='),
                                   200)), 'a new one does')
    tap.ok(cp.logged(r'took 5 keys'), 'the log tells')

    replace(cp, 'AKIANEW x\n')
    tap.ok(cp.logged(r'\[err(or)?\].*may do nothing.*/keys:1'),
           'a wrong version is an error with its line')
    tap.ok(everywhere(Signer(cp, 'AKIANEW', secret='admin+/='), 200),
           'the keys read before are in force')

    replace(cp, KEYS)
    tap.ok(wait(lambda: everywhere(s, 200)), 'a right one is taken again')

    os.unlink(cp.path('keys'))
    tap.ok(cp.logged(r'\[err(or)?\].*/keys" failed'), 'no file is an error')
    tap.ok(everywhere(s, 200), 'which changes nothing')
    # a repetition would come with the next look at the file
    time.sleep(1.5)
    tap.same(len(cp.lines(r'\[error\].*mesh: ')), 2, 'each error once')

    replace(cp, KEYS)
    tap.ok(cp.reload(), 'nginx reloads')
    tap.ok(everywhere(s, 200), 'with the keys')
    tap.same(cp.bad(), [], 'nothing bad in the log')
    tap.ok(cp.stop(), 'it ends')


def held():
    """A key that goes while its request is held gets no document."""
    cp = control(workers=1).start()
    admin = Signer(cp)
    target = document('virtualNodes', 'a')
    nodes = uri('meshes', 'm', 'virtualNodes')

    def spec(port):
        return {'listeners': [{'portMapping': {'port': port,
                                               'protocol': 'http'}}],
                'serviceDiscovery': {'dns': {'hostname': 'a.local'}}}

    admin.call('PUT', uri('meshes'), b'{"meshName": "m"}')
    admin.call('PUT', nodes, json.dumps({'virtualNodeName': 'a',
                                         'spec': spec(1)}).encode())
    etag = admin.call('GET', target).headers['ETag']
    answers = {}

    def ask(key):
        more = {'if-none-match': etag, 'prefer': 'wait=60',
                'mesh-proxy-id': key}
        answers[key] = Signer(cp, key).call('GET', target, more=more)

    threads = [threading.Thread(target=ask, args=(key,))
               for key in ('AKIAPROXY', 'AKIAREAD')]
    for thread in threads:
        thread.start()

    def waiting():
        body = admin.call('GET', '/mesh/v1/meshes/m/proxies').body
        return sum(p['waiting'] for p in body['proxies'])

    tap.ok(wait(lambda: waiting() == 2), 'two requests are held')
    replace(cp, KEYS.replace('AKIAPROXY', 'AKIANEW'))
    tap.ok(wait(lambda: Signer(cp, 'AKIAPROXY').call('GET', target).status
                == 403), 'a key is taken away')
    tap.same(waiting(), 2, 'its request is still held')

    answer = admin.call('PUT', nodes + '/a',
                        json.dumps({'spec': spec(2)}).encode())
    tap.same(answer.status, 200, 'the node is changed')
    for thread in threads:
        thread.join(20)
    refused(answers['AKIAPROXY'], *UNKNOWN, 'without a key, no document')
    tap.ok(answers['AKIAREAD'].status == 200
           and answers['AKIAREAD'].headers['ETag'] != etag,
           'who still has one gets it', answers['AKIAREAD'])
    tap.same(waiting(), 0, 'nobody waits any more')
    tap.same(cp.bad(), [], 'nothing bad in the log')
    tap.ok(cp.stop(), 'it ends')


def configuration():
    cp = control()
    status, text = cp.test()
    tap.ok(status == 0, 'keys are read by nginx -t', text)
    tap.ok('every user of this machine may read' in text,
           'a file that everybody may read is warned of', text)

    for keys, what in (('A s nothing\n', r'none of admin, read'),
                       ('', 'no keys in')):
        cp = control(keys=keys)
        status, text = cp.test()
        tap.ok(status != 0 and what in text and '[emerg]' in text,
               'refused: ' + what, text)
    tap.ok(not cp.lines('s3cret'), 'no secret is shown')

    cp = ControlPlane(location='mesh_keys %s/none;' % cp.dir)
    cp.location += 'mesh_auth on;'
    cp.write()
    with open(cp.path('nginx.conf')) as f:
        text = f.read().replace('mesh_auth off;', '')
    with open(cp.path('nginx.conf'), 'w') as f:
        f.write(text)
    done = subprocess.run(cp.command('-t'), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    tap.ok(done.returncode != 0 and b'none" failed (2' in done.stdout,
           'a file that is not there', done.stdout.decode())


class NoKeys(ControlPlane):
    """mesh_auth as it is when nobody says anything"""

    def write(self):
        super().write()
        with open(self.path('nginx.conf')) as f:
            text = f.read().replace('mesh_auth off;', '')
        with open(self.path('nginx.conf'), 'w') as f:
            f.write(text)


def own_machine():
    cp = NoKeys(host='127.0.0.1', server='listen unix:%s;' % '/dev/null')
    sock = cp.path('socket')
    cp.server = 'listen unix:%s;' % sock
    cp.start()
    accepted(cp.get(uri('meshes')), 'without keys loopback is answered')
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(sock)
        s.sendall(b'GET /v20190125/meshes HTTP/1.0\r\nHost: x\r\n\r\n')
        tap.ok(b' 200 ' in s.recv(100), 'and a socket of the machine')
    tap.ok(not cp.lines('mesh_keys'), 'without a warning')
    cp.stop()

    add = ['ip', 'addr', 'add', '192.0.2.7/32', 'dev', 'lo']
    if os.geteuid() != 0 or subprocess.run(
            add, stderr=subprocess.DEVNULL).returncode != 0:
        tap.skip('requests from elsewhere', 'no address can be added')
        return

    cp = NoKeys(host='192.0.2.7', port=free_port())
    cp.start()
    refused(cp.get(uri('meshes')), DENIED, 'This control plane has no keys',
            'another address is not')
    tap.ok(cp.lines('without "mesh_keys" only requests'), 'with a warning')
    cp.stop()

    cp = NoKeys(host='0.0.0.0', port=free_port()).start()
    cp.host = '192.0.2.7'
    refused(cp.get(uri('meshes')), DENIED, 'This control plane has no keys',
            'nor by a listener for all addresses')
    cp.host = '127.0.0.1'
    cp.local.connection = None
    accepted(cp.get(uri('meshes')), 'which answers loopback')
    cp.stop()

    cp = ControlPlane(host='192.0.2.7').start()
    accepted(cp.get(uri('meshes')), 'mesh_auth off answers everybody')
    tap.ok(cp.lines('"mesh_auth off" lets everybody'), 'with a warning')
    subprocess.run(['ip', 'addr', 'del', '192.0.2.7/32', 'dev', 'lo'])


def botocore():
    try:
        from botocore.auth import SigV4Auth, SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
    except ImportError:
        tap.skip('signatures of botocore', 'botocore is not installed')
        return

    cp = control().start()

    for key, token in (('AKIAADMIN', None), ('AKIATOKEN', 'session/+=')):
        for target, more in (
                (uri('meshes'), {}),
                (uri('meshes', limit=3, nextToken='b/c=+ x'), {}),
                (uri('meshes', 'm ~!$&\'()*+,;=:@é%41'), {}),
                (uri('tags', resourceArn='arn:aws:x'), {'X-Amz-Y': ' a  b '})):
            for kind in (SigV4Auth, SigV4QueryAuth):
                rq = AWSRequest('GET', cp.url + target, headers=dict(more))
                kind(Credentials(key, SECRETS[key], token), 'appmesh',
                     REGION).add_auth(rq)
                answer = cp.get(rq.url[len(cp.url):],
                                headers=dict(rq.headers.items()))
                tap.ok(answer.status != 403, '%s of botocore: %s, %s'
                       % (kind.__name__, key, target), answer.body)

    rq = AWSRequest('PUT', cp.url + uri('meshes'), data=b'{"meshName":"b"}',
                    headers={'Content-Type': 'application/json'})
    SigV4Auth(Credentials('AKIAADMIN', SECRETS['AKIAADMIN']), 'appmesh',
              REGION).add_auth(rq)
    answer = cp.put(uri('meshes'), rq.data, headers=dict(rq.headers.items()))
    tap.ok(answer.status == 200, 'a body', answer.body)


def http2():
    curl = subprocess.run(['curl', '--version'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    if curl.returncode != 0 or b'HTTP2' not in curl.stdout:
        tap.skip('signatures over HTTP/2', 'curl has none')
        return

    cp = control(http2=True).start()
    s = Signer(cp)
    cp.port, port = cp.port2, cp.port
    headers = s.headers('GET', uri('meshes'))
    cp.port = port
    args = ['curl', '-s', '--http2-prior-knowledge', '-w', '%{http_code}']
    for name, value in headers.items():
        args += ['-H', '%s: %s' % (name, value)]
    done = subprocess.run(
        args + ['http://127.0.0.1:%d%s' % (cp.port2, uri('meshes'))],
        stdout=subprocess.PIPE)
    tap.ok(done.stdout.endswith(b'200'), ':authority is Host',
           done.stdout.decode())


def proxy(cp, env):
    """A sidecar in an environment, which it has only while it starts."""
    for name in list(os.environ):
        if name.startswith('AWS_') or name == 'HOME':
            del os.environ[name]
    os.environ.update(env, AWS_REGION=REGION)
    return Sidecar(control_plane=cp.url, resource='virtualNode/a').start()


def proxies():
    cp = control().start()
    admin = Signer(cp)
    admin.call('PUT', uri('meshes'), b'{"meshName": "m"}')
    made = admin.call('PUT', uri('meshes', 'm', 'virtualNodes'),
                      b'{"virtualNodeName": "a", "spec": {}}')
    tap.ok(made.status == 200, 'a virtual node', made.body)

    def fetches(sidecar, name):
        tap.ok(wait(sidecar.version, 20), name, sidecar.errors(8))
        sidecar.stop()

    fetches(proxy(cp, {'AWS_ACCESS_KEY_ID': 'AKIAPROXY',
                       'AWS_SECRET_ACCESS_KEY': 'proxy'}),
            'a proxy with credentials in its environment')

    path = directory() + '/credentials'
    with open(path, 'w') as f:
        f.write('[mesh]\naws_access_key_id = AKIAPROXY\n'
                'aws_secret_access_key = wrong\n')
    os.chmod(path, 0o644)
    sidecar = proxy(cp, {'AWS_SHARED_CREDENTIALS_FILE': path,
                         'AWS_PROFILE': 'mesh'})
    tap.ok(cp.logged('GetVirtualNodeDocument.*InvalidSignature'),
           'a proxy with a wrong secret is refused')
    tap.ok(not sidecar.version(), 'and has no document')
    with open(path, 'w') as f:
        f.write('[mesh]\naws_access_key_id = AKIATOKEN\n'
                'aws_secret_access_key = token\n'
                'aws_session_token = session/+=\n')
    fetches(sidecar, 'a file of credentials that was set right')

    asked = []

    def container(r):
        asked.append(r)
        # less than five minutes: to be asked for anew each time
        end = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 60))
        return reply(json.dumps({'AccessKeyId': 'AKIAPROXY',
                                 'SecretAccessKey': 'proxy',
                                 'Expiration': end}))

    backend = Backend(answer=container)
    token = directory() + '/token'
    with open(token, 'w') as f:
        f.write('a token\n')
    os.chmod(token, 0o644)
    fetches(proxy(cp, {'AWS_CONTAINER_CREDENTIALS_FULL_URI':
                       'http://localhost:%d/v1/x?y=z' % backend.port,
                       'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE': token}),
            'a proxy with credentials of a container')
    tap.same(asked[0].path, '/v1/x?y=z', 'the path it asks')
    tap.same(asked[0].header('Authorization'), 'a token', 'and its token')


if not os.environ.get('MESH_CONTROL_MODULE'):
    tap.skip_all('there is no control plane in this build')

tap.run(signatures, tampering, strangers, permissions, reload_keys, held,
        configuration, own_machine, botocore, http2, proxies)
