#!/usr/bin/env python3
#
# The tables of the module against the published API model: specs and inputs
# shape by shape and constraint by constraint, operations with the place of each
# of their members, kinds of resources, and errors.  A slip in a table would
# refuse a spec that AWS takes, or take one that it refuses; a change of the
# model does not go unnoticed.
#
# The model is that of botocore, from $MESH_SHARED/model or Debian's package
# python3-botocore; without any the test is skipped.  The tables are compiled
# into a small program that prints them, with the few types they need of
# nginx, so that nothing but a C compiler is asked for.  The tables of
# operations, kinds and errors name functions of nginx and are read as text.

import copy
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CORE = os.path.join(ROOT, 'ngx_mesh_module', 'core')
CONTROL = os.path.join(ROOT, 'ngx_mesh_module', 'control')

SPECS = ['MeshSpec', 'VirtualNodeSpec', 'VirtualRouterSpec', 'RouteSpec',
         'VirtualServiceSpec', 'VirtualGatewaySpec', 'GatewayRouteSpec']

# compared for each shape; of a structure also its members
TRAITS = ['type', 'min', 'max', 'enum', 'pattern', 'union', 'member',
          'members', 'required']

# where inputs are stricter than the model, and what makes up for it: names and
# accounts are parts of paths and keys, and the model tells of the bounds of a
# client token in its text
NAME = {'pattern': r'[^/\x00-\x1f\x7f]+'}
STRICTER = {
    'ResourceName': NAME,
    'ServiceName': dict(NAME, min=1, max=255),
    'AccountId': {'pattern': '[0-9]+'},
}
CLIENT_TOKEN = {'type': 'string', 'min': 0, 'max': 36,
                'pattern': '[a-zA-Z0-9_-]*'}
CLIENT_TOKEN_TEXT = ('Up to 36 letters, numbers, hyphens, and underscores are '
                     'allowed.')

NGX_CORE_H = r'''
#pragma once
#include <stddef.h>
#include <stdint.h>
typedef intptr_t ngx_int_t;
typedef uintptr_t ngx_uint_t;
typedef unsigned char u_char;
typedef struct { size_t len; u_char *data; } ngx_str_t;
typedef struct ngx_pool_s ngx_pool_t;
'''

DUMP_C = r'''
#include <stdio.h>
#include <string.h>
#include "ngx_mesh_shapes.c"
#include "ngx_mesh_appmesh_shapes.h"

static const char  *types[] = {
    "string", "integer", "long", "boolean", "list", "structure", "any"
};

/* a spec within an input, which is looked at by itself */

static int
is_spec(const ngx_mesh_shape_t *s)
{
    int  i;

    for (i = 0; ngx_mesh_shapes[i] && ngx_mesh_shapes[i] != s; i++) { }

    return ngx_mesh_shapes[i] != NULL;
}

/* of the shapes met so far; some are met twice, which is compared as well */

static void
dump(const ngx_mesh_shape_t *s)
{
    const char              **v;
    const ngx_mesh_member_t  *m;

    printf("shape\t%s\t%s\t%d\n", s->name, types[s->type],
           (s->flags & NGX_MESH_SHAPE_UNION) ? 1 : 0);

    if (s->flags & NGX_MESH_SHAPE_HAS_MIN) {
        printf("min\t%lld\n", (long long) s->min);
    }

    if (s->flags & NGX_MESH_SHAPE_HAS_MAX) {
        printf("max\t%lld\n", (long long) s->max);
    }

    for (v = s->values; v && *v; v++) {
        printf("value\t%s\n", *v);
    }

    if (s->pattern) {
        printf("pattern\t%s\n", s->pattern);
    }

    if (!s->pattern != !s->test) {
        printf("untested\n");
    }

    if (s->element) {
        printf("element\t%s\n", s->element->name);
    }

    for (m = s->members; m && m->name; m++) {
        printf("member\t%s\t%s\t%d\n", m->name, m->shape->name,
               (int) m->required);
    }

    if (s->element) {
        dump(s->element);
    }

    for (m = s->members; m && m->name; m++) {
        if (!is_spec(m->shape)) {
            dump(m->shape);
        }
    }
}

/* reads "test\tPATTERN SHAPE\tHEX\n"; for each prints whether it matches */

static const ngx_mesh_shape_t *
find(const ngx_mesh_shape_t *s, const char *name)
{
    const ngx_mesh_shape_t   *found;
    const ngx_mesh_member_t  *m;

    if (s->test && strcmp(s->name, name) == 0) {
        return s;
    }

    found = s->element ? find(s->element, name) : NULL;

    for (m = s->members; m && m->name && !found; m++) {
        found = find(m->shape, name);
    }

    return found;
}

static void
match(const char *name, FILE *in)
{
    int          i;
    char         line[512];
    u_char       data[256];
    unsigned     c;
    ngx_str_t    value;
    const ngx_mesh_shape_t  *s;

    s = NULL;

    for (i = 0; ngx_mesh_appmesh_inputs[i] && s == NULL; i++) {
        s = find(ngx_mesh_appmesh_inputs[i], name);
    }

    while (fgets(line, sizeof(line), in)) {
        value.data = data;

        for (value.len = 0;
             sscanf(line + value.len * 2, "%2x", &c) == 1;
             value.len++)
        {
            data[value.len] = (u_char) c;
        }

        printf("%d\n", (int) (s && s->test(&value)));
    }
}

int
main(int argc, char **argv)
{
    int  i;

    if (argc == 2 && strcmp(argv[1], "inputs") != 0) {
        match(argv[1], stdin);
        return 0;
    }

    if (argc == 2) {
        for (i = 0; ngx_mesh_appmesh_inputs[i]; i++) {
            printf("spec\t%s\n", ngx_mesh_appmesh_inputs[i]->name);
            dump(ngx_mesh_appmesh_inputs[i]);
        }

        return 0;
    }

    for (i = 0; ngx_mesh_shapes[i]; i++) {
        printf("spec\t%s\n", ngx_mesh_shapes[i]->name);
        dump(ngx_mesh_shapes[i]);
    }

    dump(&ngx_mesh_shape_resource_name);
    dump(&ngx_mesh_shape_arn);

    return 0;
}
'''


def published_model():
    """The model and where it is from, or None."""
    name = 'appmesh-2019-01-25.service-2.json'
    tail = 'botocore/data/appmesh/2019-01-25/service-2.json'
    paths = [os.path.join(os.environ['MESH_SHARED'], 'model', name)] \
        if os.environ.get('MESH_SHARED') else []
    for base in ['/usr/lib/python3/dist-packages'] + sys.path:
        paths += sorted(glob.glob(os.path.join(base, tail) + '*'))

    for path in paths:
        if os.path.exists(path):
            opener = gzip.open if path.endswith('.gz') else open
            with opener(path, 'rt', encoding='utf-8') as f:
                return json.load(f), os.path.basename(path)
    return None, None


def compile_dump(directory):
    for header, text in [('ngx_config.h', ''), ('ngx_core.h', NGX_CORE_H),
                         ('dump.c', DUMP_C)]:
        with open(os.path.join(directory, header), 'w') as f:
            f.write(text)
    program = os.path.join(directory, 'dump')
    subprocess.run([os.environ.get('CC', 'cc'), '-Wall', '-Werror',
                    '-I' + directory, '-I' + CORE, '-I' + CONTROL,
                    '-o', program, os.path.join(directory, 'dump.c'),
                    os.path.join(CONTROL, 'ngx_mesh_appmesh_shapes.c')],
                   check=True)
    return program


def read_tables(text):
    """What the program printed, in the form of the model."""
    shapes, specs, problems, name, shape = {}, [], [], None, None

    def keep():
        if name is None:
            return
        if shapes.setdefault(name, shape) != shape:
            problems.append('%s is there in two versions' % name)

    for line in text.splitlines():
        key, *args = line.split('\t')
        if key == 'spec':
            specs.append(args[0])
        elif key == 'shape':
            keep()
            name, shape = args[0], {'type': args[1]}
            if args[1] == 'structure':
                shape['members'] = []
                shape['required'] = []
            if args[2] == '1':
                shape['union'] = True
        elif key in ('min', 'max'):
            shape[key] = int(args[0])
        elif key == 'value':
            shape.setdefault('enum', []).append(args[0])
        elif key == 'pattern':
            shape['pattern'] = args[0]
        elif key == 'element':
            shape['member'] = args[0]
        elif key == 'member':
            shape['members'].append((args[0], args[1]))
            if args[2] == '1':
                shape['required'].append(args[0])
        else:
            problems.append('%s: %s' % (name, key))
    keep()
    return shapes, specs, problems


def read_model(model, roots, leave=()):
    """The shapes of the model that the roots reach, in the same form."""
    shapes, todo = {}, list(roots)
    while todo:
        name = todo.pop()
        if name in shapes or name in leave:
            continue
        of = model[name]
        shape = {k: of[k] for k in ('type', 'min', 'max', 'enum', 'pattern')
                 if k in of}
        if of.get('union'):
            shape['union'] = True
        if of['type'] == 'list':
            shape['member'] = of['member']['shape']
            todo.append(shape['member'])
        if of['type'] == 'structure':
            shape['members'] = [(k, v['shape'])
                                for k, v in of['members'].items()]
            shape['required'] = [k for k in of['members']
                                 if k in of.get('required', [])]
            todo += [s for _, s in shape['members']]
        shapes[name] = shape
    return shapes


def read_inputs(model, operations):
    """The inputs of all operations, with what we ask for beyond the model."""
    shapes = read_model(model, [o['input']['shape']
                                for o in operations.values()], SPECS)
    for name, stricter in STRICTER.items():
        shapes[name] = dict(shapes[name], **stricter)
    for shape in shapes.values():
        if ('clientToken', 'String') in shape.get('members', []):
            shape['members'] = [(k, 'ClientToken' if k == 'clientToken' else v)
                                for k, v in shape['members']]
    shapes['ClientToken'] = CLIENT_TOKEN
    return shapes


def source_of(name):
    with open(os.path.join(CONTROL, name), encoding='utf-8') as f:
        return re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)


def snake(name):
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()


def read_operations():
    """The table of operations: what a request for each of them looks like."""
    row = re.compile(r'\{ "(\w+)", NGX_HTTP_(\w+),\s*'
                     r'URI\(((?:\s*"[^"]*")+)\s*\),\s*\{([^}]*)\},\s*'
                     r'&ngx_mesh_shape_(\w+),')
    source = source_of('ngx_mesh_appmesh_ops.c')
    prefix = re.search(r'#define URI\(path\)\s+"([^"]*)" path', source).group(1)
    return {name: {'method': method,
                   'uri': prefix + ''.join(re.findall(r'"([^"]*)"', uri)),
                   'query': sorted(re.findall(r'"([^"]*)"', query)),
                   'input': shape}
            for name, method, uri, query, shape in row.findall(source)}


def operation_of_model(operation, shapes):
    """The same of the model, with what cannot be said in the table."""
    shape = shapes[operation['input']['shape']]
    places = {'uri': set(), 'querystring': set(), None: set()}
    extras = []
    for name, member in shape['members'].items():
        places.setdefault(member.get('location'), set()).add(name)
        if member.get('locationName', name) != name:
            extras.append('%s is sent as %s' % (name, member['locationName']))
        if bool(member.get('idempotencyToken')) != (name == 'clientToken'):
            extras.append('%s and idempotency' % name)
        if name == 'clientToken' \
                and CLIENT_TOKEN_TEXT not in member['documentation']:
            extras.append('the bounds of clientToken')
    uri = operation['http']['requestUri']
    if places['uri'] != set(re.findall(r'\{(\w+)\}', uri)):
        extras.append('members in the URI')
    if set(places) - {'uri', 'querystring', None} or 'payload' in shape:
        extras.append('members elsewhere')
    if operation['http']['responseCode'] != 200:
        extras.append('status %d' % operation['http']['responseCode'])
    return {'method': operation['http']['method'], 'uri': uri,
            'query': sorted(places['querystring']),
            'input': snake(operation['input']['shape'])}, extras


def compare_operations(ours, model):
    """What is different, by the name of the operation."""
    found = {}
    for name in sorted(set(ours) | set(model['operations'])):
        if name not in ours or name not in model['operations']:
            found[name] = ['is there on one side only']
            continue
        theirs, extras = operation_of_model(model['operations'][name],
                                            model['shapes'])
        found[name] = extras + ['%s is %r, in the model %r'
                                % (k, ours[name][k], theirs[k])
                                for k in theirs if ours[name][k] != theirs[k]]
    return found


def read_kinds():
    """The table of kinds: title, member and lists of each."""
    row = re.compile(r'\{ NGX_MESH_KIND_\w+, NGX_MESH_KIND(?:_(\w+)|S),\s*'
                     r'"(\w+)", "(\w+)", "(\w+)",\s*"(\w+)",\s*'
                     r'&ngx_mesh_shape_(\w+),')
    return row.findall(source_of('ngx_mesh_appmesh.c'))


def compare_kinds(kinds, model):
    """Outputs: what an answer is made of."""
    found, names = {}, {snake(k[1]).upper(): k[3] for k in kinds}
    shapes = model['shapes']

    for parent, title, segment, name, listed, spec in kinds:
        found[title] = wrong = []
        members = {name, 'meshName', 'metadata', 'spec', 'status'}
        if parent:
            members.add(names[parent])
        data = shapes[title + 'Data']
        if set(data['members']) != members \
                or set(data['required']) != members:
            wrong.append('members of %sData' % title)
        if snake(data['members']['spec']['shape']) != spec:
            wrong.append('the shape of its spec')
        for verb in 'Create', 'Describe', 'Update', 'Delete':
            output = shapes['%s%sOutput' % (verb, title)]
            if output.get('payload') != segment \
                    or output['members'][segment]['shape'] != title + 'Data':
                wrong.append('the output of %s%s' % (verb, title))
        output = shapes['List%sOutput' % (listed[0].upper() + listed[1:])]
        if set(output['members']) != {listed, 'nextToken'}:
            wrong.append('the output of its list')
        ref = shapes[title + 'Ref']
        if set(ref['members']) != (members - {'metadata', 'spec', 'status'}) \
                | {'arn', 'createdAt', 'lastUpdatedAt', 'meshOwner',
                   'resourceOwner', 'version'}:
            wrong.append('what a list tells of each')
    return found


def compare_errors(model):
    """Those of the model, each with its status."""
    ours = dict(re.findall(r'\{\s*"(\w+)", (\d+)\s*\}',
                           source_of('ngx_mesh_error.c')))
    return {name: [] if ours.get(name) == str(shape['error']['httpStatusCode'])
            else ['%s, in the model %d' % (ours.get(name),
                                           shape['error']['httpStatusCode'])]
            for name, shape in model['shapes'].items()
            if shape.get('exception')}


def changed_operations(model):
    """Copies of the model with one thing changed about an operation."""
    def change(what, edit):
        mutant = copy.deepcopy(model)
        edit(mutant['operations']['CreateRoute'],
             mutant['shapes']['CreateRouteInput']['members'],
             mutant['operations'])
        return what, mutant

    return [
        change('method', lambda o, m, all: o['http'].update(method='POST')),
        change('URI', lambda o, m, all: o['http'].update(
            requestUri=o['http']['requestUri'] + 's')),
        change('status', lambda o, m, all: o['http'].update(
            responseCode=202)),
        change('query', lambda o, m, all: m['routeName'].update(
            location='querystring')),
        change('body', lambda o, m, all: m['meshOwner'].pop('location')),
        change('header', lambda o, m, all: m['meshOwner'].update(
            location='header')),
        change('another name', lambda o, m, all: m['meshOwner'].update(
            locationName='owner')),
        change('idempotency', lambda o, m, all: m['clientToken'].pop(
            'idempotencyToken')),
        change('new', lambda o, m, all: all.update(NewOperation=o)),
        change('gone', lambda o, m, all: all.pop('CreateRoute')),
    ]


def compare(tables, model):
    """The differences, as sentences."""
    differences = []
    for name in sorted(set(tables) | set(model)):
        if name not in tables:
            differences.append('%s: only in the model' % name)
        elif name not in model:
            differences.append('%s: only in the tables' % name)
        else:
            for trait in TRAITS:
                ours, theirs = tables[name].get(trait), model[name].get(trait)
                if ours != theirs:
                    differences.append('%s: %s is %r, in the model %r'
                                       % (name, trait, ours, theirs))
    return differences


def mutations(model, roots, leave=()):
    """Copies of the model with one thing changed, one of each kind, as far as
    the shapes have it."""
    reached = read_model(model, roots, leave)

    def first(test):
        return next((n for n in sorted(reached) if test(reached[n])), None)

    def change(what, name, edit):
        if name is None:
            return None
        mutant = copy.deepcopy(model)
        edit(mutant[name], mutant)
        return '%s (%s)' % (what, name), mutant

    bounded = first(lambda s: s.get('max') and s['type'] != 'list')
    blist = first(lambda s: s.get('max') and s['type'] == 'list')
    enum = first(lambda s: 'enum' in s)
    pattern = first(lambda s: 'pattern' in s)
    union = first(lambda s: 'union' in s)
    plain = first(lambda s: s['type'] == 'structure' and 'union' not in s
                  and s['required'] and len(s['members']) > 1)
    free = first(lambda s: s['type'] == 'string' and len(s) == 1)

    def add_member(s, m):
        s['members']['newMember'] = {'shape': 'String'}

    def drop_member(s, m):
        s['members'].popitem()

    def retype_member(s, m):
        next(iter(s['members'].values()))['shape'] = 'Boolean'

    return [m for m in [
        change('max', bounded, lambda s, m: s.update(max=s['max'] + 1)),
        change('min', bounded, lambda s, m: s.update(min=s['min'] + 1)),
        change('no max', bounded, lambda s, m: s.pop('max')),
        change('new max', free, lambda s, m: s.update(max=4096)),
        change('max of a list', blist, lambda s, m: s.update(max=99)),
        change('element', blist, lambda s, m: s.update(
            member={'shape': 'Boolean'})),
        change('new value', enum, lambda s, m: s['enum'].append('NEW')),
        change('no value', enum, lambda s, m: s['enum'].pop()),
        change('pattern', pattern, lambda s, m: s.update(pattern='^x$')),
        change('no union', union, lambda s, m: s.pop('union')),
        change('new union', plain, lambda s, m: s.update(union=True)),
        change('not required', plain, lambda s, m: s['required'].pop()),
        change('new member', plain, add_member),
        change('no member', union, drop_member),
        change('type of a member', plain, retype_member),
        change('type', bounded, lambda s, m: s.update(type='boolean')),
    ] if m]


def pattern_mismatches(program, name, shape):
    """Strings for which the C function and the pattern disagree."""
    strings = [b''] + [bytes([c]) for c in range(256)]
    strings += [bytes([a, b]) for a in b'a !\x1f~\x7f' for b in range(256)]
    strings += [b'a b', b' a', b'a ', b'a  b c', b'a\tb', b'ab\n', b'a\x00b']
    out = subprocess.run([program, name], check=True,
                         input=''.join(s.hex() + '\n' for s in strings),
                         stdout=subprocess.PIPE, text=True).stdout.split()
    regex = re.compile('(?:' + shape['pattern'].strip('^$') + r')\Z', re.ASCII)
    wrong = []
    for s, got in zip(strings, out):
        expected = regex.match(s.decode('latin-1')) is not None
        if expected != (got == '1'):
            wrong.append(repr(s))
    if len(out) != len(strings):
        wrong.append('%d answers' % len(out))
    return wrong


class Tap:
    """Counts the checks and prints them."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, passed, what, details=()):
        self.count += 1
        self.failed += not passed
        print('%sok %d - %s' % ('' if passed else 'not ', self.count, what))
        if not passed:
            for line in details:
                print('#   ' + line)


def each(tap, what, found):
    """One check for each name."""
    for name in sorted(found):
        tap.ok(not found[name], '%s %s' % (what, name), found[name])


def compare_shapes(tap, what, tables, theirs):
    differences = compare(tables, theirs)
    each(tap, what, {name: [d for d in differences if d.startswith(name + ':')]
                     for name in set(tables) | set(theirs)})
    return differences


def dump(program, *arguments):
    return read_tables(subprocess.run([program] + list(arguments), check=True,
                                      stdout=subprocess.PIPE,
                                      text=True).stdout)


def run_specs(tap, model, source, program):
    tables, specs, problems = dump(program)
    roots = SPECS + ['ResourceName', 'Arn']

    tap.ok(specs == SPECS, 'the seven specs', [repr(specs)])
    tap.ok(not problems, 'the tables agree with themselves', problems)

    theirs = read_model(model, roots)
    print('# %d shapes in the tables, %d in %s'
          % (len(tables), len(theirs), source))
    differences = compare_shapes(tap, 'shape', tables, theirs)

    for what, mutant in mutations(model, roots):
        found = compare(tables, read_model(mutant, roots))
        tap.ok(found and len(found) > len(differences),
               'a model with a change is noticed: ' + what)


def run_inputs(tap, model, operations, program):
    tables, inputs, problems = dump(program, 'inputs')

    tap.ok(len(inputs) == len(operations), 'the inputs of all operations',
           [repr(inputs)])
    tap.ok(not problems, 'the inputs agree with themselves', problems)

    theirs = read_inputs(model, operations)
    compare_shapes(tap, 'input', tables, theirs)

    patterns = dict(read_model(model, SPECS), **theirs)

    for name in sorted(n for n in patterns if 'pattern' in patterns[n]):
        wrong = pattern_mismatches(program, name, patterns[name])
        tap.ok(not wrong, 'the pattern of ' + name, wrong)

    for what, mutant in mutations(model, [o['input']['shape']
                                          for o in operations.values()],
                                  SPECS):
        tap.ok(compare(tables, read_inputs(mutant, operations)),
               'an input with a change is noticed: ' + what)


def run_operations(tap, model):
    operations = read_operations()
    each(tap, 'operation', compare_operations(operations, model))
    each(tap, 'kind', compare_kinds(read_kinds(), model))
    each(tap, 'error', compare_errors(model))

    for what, mutant in changed_operations(model):
        tap.ok(any(compare_operations(operations, mutant).values()),
               'an operation with a change is noticed: ' + what)

    mutant = copy.deepcopy(model)
    mutant['shapes']['RouteData']['members']['new'] = {'shape': 'String'}
    mutant['shapes']['ConflictException']['error']['httpStatusCode'] = 410
    tap.ok(any(compare_kinds(read_kinds(), mutant).values()),
           'an output with a change is noticed')
    tap.ok(any(compare_errors(mutant).values()),
           'an error with a change is noticed')


def run(tap, model, source, directory):
    program = compile_dump(directory)
    run_specs(tap, model['shapes'], source, program)
    run_inputs(tap, model['shapes'], model['operations'], program)
    run_operations(tap, model)


def main():
    model, source = published_model()
    if model is None:
        print('1..0 # SKIP no API model: set MESH_SHARED or install '
              'python3-botocore')
        return 0

    tap = Tap()
    directory = tempfile.mkdtemp(prefix='mesh-model-')
    try:
        run(tap, model, source, directory)
    finally:
        shutil.rmtree(directory)
    print('1..%d' % tap.count)
    return 1 if tap.failed else 0


sys.exit(main())
