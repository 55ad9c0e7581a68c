#!/usr/bin/python3

"""The AWS CLI, version 2, with a control plane that verifies signatures: all
operations by their options, errors by exit status and words, its paginators.
Most of it by its modules, since the program takes a second to start.
"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'lib'))

from mesh_test import LONG, ROOT, SLOW, at_end, directory, tap   # noqa: E402

import mesh_conformance                                          # noqa: E402

from mesh_conformance import (ARN, REGION, WHO, Conformance,     # noqa: E402
                              Result)

# Debian's, before any other of this machine
AWS = next((p for p in ('/usr/bin/aws', '/usr/local/bin/aws')
            if os.access(p, os.X_OK)), None)

if AWS is None:
    tap.skip_all('the AWS CLI is not here: util/deps conformance')

PYTHON = '/usr/bin/python3'             # that has the modules of the program

SERVER = os.path.join(ROOT, 't', 'conformance', 'aws_server.py')

VERSION = subprocess.run([AWS, '--version'], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT).stdout.decode().strip()

if not VERSION.startswith('aws-cli/2.'):
    tap.skip_all('version 2 of the AWS CLI is wanted, this is ' + VERSION)

if subprocess.run([PYTHON, '-c', 'import awscli.clidriver'],
                  stderr=subprocess.DEVNULL).returncode:
    tap.skip_all('the modules of the AWS CLI are not where Debian has them')

MODEL = mesh_conformance.requirements()

ERROR = re.compile(r'An error occurred \((\w+)\) when calling the (\w+) '
                   r'operation(?: \(reached max retries: \d+\))?: (.*)', re.S)


def option(name):
    """virtualNodeName: --virtual-node-name"""
    return '--' + re.sub('([A-Z])', r'-\1', name).lower()


def command(operation):
    return option(operation[0].lower() + operation[1:])[2:]


class Client:
    """The client of mesh_conformance."""

    def __init__(self, url):
        self.url = url
        self.home = directory()
        self.odd = []
        self.server = subprocess.Popen([PYTHON, SERVER], text=True,
                                       stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        at_end(self.close)

    def close(self):
        self.server.stdin.close()
        self.server.wait()

    def command(self, args, who='admin'):
        key, secret, attempts = WHO[who]
        env = {'PATH': os.environ['PATH'], 'HOME': self.home,
               'LC_ALL': 'C.UTF-8', 'AWS_PAGER': '',
               'AWS_ACCESS_KEY_ID': key, 'AWS_SECRET_ACCESS_KEY': secret,
               'AWS_DEFAULT_REGION': REGION, 'AWS_MAX_ATTEMPTS': str(attempts),
               'AWS_EC2_METADATA_DISABLED': 'true'}
        return {'args': ['--endpoint-url', self.url, '--output', 'json',
                         'appmesh'] + args, 'env': env}

    def run(self, args, who='admin'):
        json.dump(self.command(args, who), self.server.stdin)
        self.server.stdin.write('\n')
        self.server.stdin.flush()
        done = json.loads(self.server.stdout.readline())
        return done['status'], done['out'], done['err']

    def program(self, args, who='admin'):
        """The same by the program itself."""
        command = self.command(args, who)
        done = subprocess.run([AWS] + command['args'], env=command['env'],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120 * SLOW)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def call(self, operation, params, who='admin'):
        args = [command(operation)]
        for name, value in params.items():
            if not isinstance(value, (str, int)):
                value = json.dumps(value)
            args += [option(name), str(value)]
            # else the CLI goes through the pages, with limits of its own
            if name in ('limit', 'nextToken'):
                args.append('--no-paginate')
        status, out, err = self.run(args, who)
        if status == 0:
            return Result(json.loads(out) if out.strip() else {})
        found = ERROR.search(err)
        if not found or status != 254 or found.group(2) != operation:
            self.odd.append((operation, status, err))
            return Result(error='?', message=err)
        return Result(error=found.group(1), message=found.group(3).strip())


def everything():
    cp, recorder = mesh_conformance.plane()
    client = Client(recorder.url)
    c = Conformance(MODEL, client, cp, recorder, brief=not LONG)

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
    tap.same(client.odd[:3], [], 'errors end with 254 and say where')


def program():
    """The program itself does what its modules do."""
    cp, _ = mesh_conformance.plane()
    client = Client(cp.url)

    for args, who in ((['create-mesh', '--mesh-name', 'm', '--tags',
                        'key=k,value=v', '--spec',
                        'egressFilter={type=ALLOW_ALL}'], 'admin'),
                      (['describe-mesh', '--mesh-name', 'm'], 'read'),
                      (['delete-mesh', '--mesh-name', 'm'], 'read'),
                      (['describe-mesh', '--mesh-name', 'none'], 'admin'),
                      (['describe-mesh'], 'admin')):
        want = client.run(args, who)
        got = client.program(args, who)
        if args[0] == 'create-mesh':
            tap.ok(got[0] == 254 and 'ConflictException' in got[2]
                   and json.loads(want[1])['mesh']['spec'] ==
                   {'egressFilter': {'type': 'ALLOW_ALL'}},
                   'aws create-mesh, twice', want, got)
        else:
            tap.same((got[0], got[1].strip(), got[2].strip()),
                     (want[0], want[1].strip(), want[2].strip()),
                     'aws %s: exit status %d' % (args[0], want[0]))


def pages():
    cp, _ = mesh_conformance.plane()
    client = Client(cp.url)

    def listed(*args):
        status, out, err = client.run(list(args))
        return json.loads(out) if status == 0 else err

    client.call('CreateMesh', {'meshName': 'm'})
    for i in range(7):
        client.call('CreateVirtualRouter', {
            'meshName': 'm', 'virtualRouterName': 'r%d' % i, 'spec': {}})
    client.call('TagResource', {'resourceArn': ARN + 'm', 'tags': [
        {'key': 'k%d' % i, 'value': ''} for i in range(7)]})

    for key, name, args in (
            ('virtualRouters', 'virtualRouterName',
             ['list-virtual-routers', '--mesh-name', 'm']),
            ('tags', 'key', ['list-tags-for-resource', '--resource-arn',
                             ARN + 'm'])):
        def names(answer):
            return [x[name][-1] for x in answer[key]]

        tap.same(names(listed(*args)), list('0123456'), args[0])
        tap.same(names(listed(*args, '--page-size', '2')), list('0123456'),
                 '--page-size')
        first = listed(*args, '--page-size', '2', '--max-items', '3')
        tap.same(names(first), list('012'), '--max-items')
        rest = listed(*args, '--starting-token', first['NextToken'])
        tap.same(names(rest), list('3456'), '--starting-token')
        first = listed(*args, '--no-paginate', '--limit', '5')
        rest = listed(*args, '--no-paginate', '--next-token',
                      first['nextToken'])
        tap.same((names(first), names(rest)), (list('01234'), list('56')),
                 '--limit and --next-token')

    status, _, err = client.run(['wait', 'mesh-active'])
    # "Invalid choice", or "Found invalid choice" of a newer one
    tap.ok(status == 252 and 'operation: ' in err and 'nvalid choice' in err,
           'the CLI has no waiters', err)
    tap.same(cp.bad(), [], 'pages: nothing bad is logged')


tap.say(VERSION)
tap.run(everything, program, pages)
