#!/usr/bin/env python3
#
# The tables of ngx_mesh_shapes.c against the published API model, shape by
# shape and constraint by constraint.  A slip in a table would refuse a spec
# that AWS takes, or take one that it refuses.
#
# The model is that of botocore, from $MESH_SHARED/model or Debian's package
# python3-botocore; without any the test is skipped.  The tables are compiled
# into a small program that prints them, with the few types they need of
# nginx, so that nothing but a C compiler is asked for.

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

SPECS = ['MeshSpec', 'VirtualNodeSpec', 'VirtualRouterSpec', 'RouteSpec',
         'VirtualServiceSpec', 'VirtualGatewaySpec', 'GatewayRouteSpec']

# compared for each shape; of a structure also its members
TRAITS = ['type', 'min', 'max', 'enum', 'pattern', 'union', 'member',
          'members', 'required']

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

static const char  *types[] = {
    "string", "integer", "long", "boolean", "list", "structure", "any"
};

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
        dump(m->shape);
    }
}

/* reads "test\tPATTERN SHAPE\tHEX\n"; for each prints whether it matches */

static const ngx_mesh_shape_t *
find(const ngx_mesh_shape_t *s, const char *name)
{
    const ngx_mesh_shape_t   *found;
    const ngx_mesh_member_t  *m;

    if (strcmp(s->name, name) == 0) {
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
    char         line[512];
    u_char       data[256];
    unsigned     c;
    ngx_str_t    value;
    const ngx_mesh_shape_t  *s;

    s = find(&ngx_mesh_shape_virtual_node_spec, name);

    while (fgets(line, sizeof(line), in)) {
        value.data = data;

        for (value.len = 0;
             sscanf(line + value.len * 2, "%2x", &c) == 1;
             value.len++)
        {
            data[value.len] = (u_char) c;
        }

        printf("%d\n", (int) (s && s->test && s->test(&value)));
    }
}

int
main(int argc, char **argv)
{
    int  i;

    if (argc == 2) {
        match(argv[1], stdin);
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
    """The shapes of the model and where they are from, or None."""
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
                return json.load(f)['shapes'], os.path.basename(path)
    return None, None


def compile_dump(directory):
    for header, text in [('ngx_config.h', ''), ('ngx_core.h', NGX_CORE_H),
                         ('dump.c', DUMP_C)]:
        with open(os.path.join(directory, header), 'w') as f:
            f.write(text)
    program = os.path.join(directory, 'dump')
    subprocess.run([os.environ.get('CC', 'cc'), '-Wall', '-Werror',
                    '-I' + directory, '-I' + CORE, '-o', program,
                    os.path.join(directory, 'dump.c')], check=True)
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


def read_model(model, roots):
    """The shapes of the model that the roots reach, in the same form."""
    shapes, todo = {}, list(roots)
    while todo:
        name = todo.pop()
        if name in shapes:
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


def mutations(model, roots):
    """Copies of the model with one thing changed, one of each kind."""
    reached = read_model(model, roots)

    def first(test):
        return next(n for n in sorted(reached) if test(reached[n]))

    def change(what, name, edit):
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

    return [
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
    ]


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


def run(tap, model, source, directory):
    program = compile_dump(directory)
    out = subprocess.run([program], check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    tables, specs, problems = read_tables(out)
    roots = SPECS + ['ResourceName', 'Arn']

    tap.ok(specs == SPECS, 'the seven specs', [repr(specs)])
    tap.ok(not problems, 'the tables agree with themselves', problems)

    theirs = read_model(model, roots)
    print('# %d shapes in the tables, %d in %s'
          % (len(tables), len(theirs), source))
    differences = compare(tables, theirs)
    for name in sorted(set(tables) | set(theirs)):
        mine = [d for d in differences if d.startswith(name + ':')]
        tap.ok(not mine, 'shape ' + name, mine)

    for name in sorted(n for n in theirs if 'pattern' in theirs[n]):
        wrong = pattern_mismatches(program, name, theirs[name])
        tap.ok(not wrong, 'the pattern of ' + name, wrong)

    for what, mutant in mutations(model, roots):
        found = compare(tables, read_model(mutant, roots))
        tap.ok(found and len(found) > len(differences),
               'a model with a change is noticed: ' + what)


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
