#!/usr/bin/env python3
#
# The pages of statistics: what Envoy's users chart, read by parsers that know
# the formats and nothing else, compared with requests that were sent.

import http.client
import json
import os
import re
import subprocess
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))

import mesh_stats
from mesh_test import (ROOT, Backend, Sidecar, directory, document, endpoint,
                       free_port, node, reply, request, tap, wait)

EGRESS = 'http.egress.downstream_rq_'
CLUSTER = 'cluster.cds_egress_m_%s_http_8080.'


def backends():
    return Backend('a'), Backend('b', lambda r: reply('b', '503 Sorry'))


def mesh(a, b, version=1):
    doc = document(version, {'a': [a.port], 'b': [b.port]},
                   weights={'a': 1, 'b': 0})
    doc['virtualServices'].append(
        {'virtualServiceName': 'b.local',
         'spec': {'provider': {'virtualNode': {'virtualNodeName': 'b'}}}})
    me = node('me', [(8080, 'http')])
    me['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': name}}
        for name in ('app.local', 'b.local')]
    doc['virtualNodes'].append(me)
    return doc


def sidecar(a, b, more='', **kw):
    return Sidecar(mesh(a, b), resource='virtualNode/me',
                   mesh='retry_defaults off; ' + more, **kw).start()


def counts():
    a, b = backends()
    n = sidecar(a, b, 'metrics_extension on; stats_tags on;', workers=2)
    n.at('1')

    for _ in range(7):
        n.get('/')
    for _ in range(3):
        n.get('/', host='b.local')
    n.get('/', host='nobody.local')

    # the log phase of the last one may not be over when it is answered
    last = {EGRESS + 'total': 11, EGRESS + '4xx': 1,
            'http.egress.no_route': 1}
    wait(lambda: last.items()
         <= mesh_stats.text(n.page('/stats').text)[0].items())
    page = n.page('/stats').text
    numbers, histograms = mesh_stats.text(page)

    tap.same([numbers.get(EGRESS + x) for x in ('total', '2xx', '4xx', '5xx')],
             [11, 7, 1, 3], 'requests by the class of their status')
    tap.same(numbers.get('http.egress.no_route'), 1, 'and without a route')
    tap.same([numbers.get(CLUSTER % x + 'upstream_rq_' + y)
              for x, y in (('a', '2xx'), ('b', '5xx'), ('b', 'total'))],
             [7, 3, 3], 'attempts of clusters')
    tap.same([numbers.get(CLUSTER % 'a' + 'membership_' + x)
              for x in ('total', 'healthy')], [1, 1], 'endpoints')
    tap.same(numbers.get('server.live'), 1, 'live')
    tap.same(numbers.get('nginx_mesh.worker_starts_total'), 2, 'two workers')
    tap.ok(0 < numbers['server.memory_allocated']
           < numbers['server.memory_heap_size'] < 1 << 30, 'memory',
           numbers.get('server.memory_heap_size'))

    lines = page.splitlines()
    split = next(i for i, line in enumerate(lines)
                 if re.search(r': (P0|No rec)', line))
    names = [line.rpartition(': ')[0] for line in lines[:split]]
    tap.same(names, sorted(names), 'numbers are sorted')
    tap.ok(not set(numbers) & set(histograms)
           and all(re.search(r': (P0|No rec)', x) for x in lines[split:]),
           'histograms follow')
    times = histograms[CLUSTER % 'a' + 'upstream_rq_time']
    tap.ok(len(times) == 10 and times[0] <= times[50] <= times[100],
           'quantiles grow', times)

    prometheus(n, numbers)
    arguments(n)
    tap.same(n.bad(), [], 'nothing bad in the log')


def prometheus(n, numbers):
    r = n.page('/stats/prometheus')
    tap.same(r.header('Content-Type'), 'text/plain; version=0.0.4',
             'the type that Prometheus wants')
    samples, types = mesh_stats.prometheus(r.text)

    tap.same(mesh_stats.find(samples, 'envoy_http_downstream_rq_xx',
                             envoy_http_conn_manager_prefix='egress',
                             envoy_response_code_class='2'), 7,
             'classes are labels')
    tap.same(mesh_stats.find(samples, 'envoy_cluster_upstream_rq_time_count',
                             envoy_cluster_name='cds_egress_m_b_http_8080'), 3,
             'a histogram counts')
    tap.same([mesh_stats.find(samples, 'nginx_mesh_target_requests_total',
                              virtual_service=s, virtual_node=v, code_class=c)
              for s, v, c in (('app.local', 'a', '2xx'),
                              ('b.local', 'b', '5xx'))], [7, 3],
             'requests to targets')
    tap.same(mesh_stats.find(samples, 'envoy_appmesh_RequestCountPerTarget',
                             Mesh='m', VirtualNode='me',
                             TargetVirtualService='b.local',
                             TargetVirtualNode='b'), 3,
             "App Mesh's metrics extension")
    tap.ok(all(s.labels.get('appmesh_mesh') == 'm'
               and s.labels.get('appmesh_virtual_node') == 'me'
               for s in samples), 'the tags of the node, everywhere')

    listed(types)
    promtool(r.text)

    same = mesh_stats.prometheus(n.page('/stats?format=prometheus').text)
    tap.same(set(same[1]), set(types), '/stats?format=prometheus is the same')


def arguments(n):
    doc = json.loads(n.page('/stats?format=json').body)
    plain = {s['name']: s['value'] for s in doc['stats'] if 'name' in s}
    found = doc['stats'][-1]['histograms']
    tap.ok(plain.get(EGRESS + 'total') == 11
           and len(found['supported_quantiles']) == 10
           and all(len(h['values']) == 10
                   for h in found['computed_quantiles']), 'JSON')

    numbers, histograms = mesh_stats.text(
        n.page('/stats?filter=upstream_rq_[25]xx&usedonly').text)
    tap.same((numbers, histograms), ({CLUSTER % 'a' + 'upstream_rq_2xx': 7,
                                      CLUSTER % 'b' + 'upstream_rq_5xx': 3},
                                     {}), '?filter and ?usedonly')
    numbers, _ = mesh_stats.text(
        n.page('/stats?filter=%5Eserver%5C.li').text)
    tap.same(numbers, {'server.live': 1}, 'a filter is unescaped')
    tap.same(n.page('/stats?filter=(').status, 400, 'a bad filter')
    tap.same(n.page('/stats?filter=' + 'x' * 2000).status, 400, 'a long one')
    tap.same(n.page('/stats?format=xml').status, 400, 'a bad format')
    tap.same(n.page('/stats?filter=' + '(x%2Bx%2B)%2By').status, 200,
             'one that would take for ever')
    tap.same(request(n.admin, '/stats', 'POST').status, 405, 'POST')


def listed(types):
    """Each name is in the documentation; the dashboards use no others."""
    with open(ROOT + '/docs/metrics.md') as f:
        page = f.read()
    table = dict(re.findall(r'^\| `(\w+)` \|.*\| (counter|gauge|histogram) \|',
                            page, re.M))
    tap.same({k: v for k, v in types.items() if table.get(k) != v}, {},
             'docs/metrics.md lists all metrics')

    names = set()
    for k, v in table.items():
        names.update([k + x for x in ('_bucket', '_sum', '_count')]
                     if v == 'histogram' else [k])

    with open(ROOT + '/conf/dashboards/grafana.json') as f:
        board = json.load(f)
    used = set()
    for panel in board['panels']:
        for target in panel['targets']:
            used.update(re.findall(r'\b(?:envoy|nginx_mesh)_\w+(?=\{)',
                                   target['expr']))
    tap.ok(len(used) > 20 and used <= names, "Grafana's dashboard",
           used - names)
    queries([t['expr'] for panel in board['panels'] for t in panel['targets']])

    with open(ROOT + '/conf/dashboards/cloudwatch.json') as f:
        text = json.dumps(json.load(f))
    used = set(re.findall(r'envoy_appmesh_\w+', text))
    tap.ok(len(used) > 5 and used <= set(table), "CloudWatch's dashboard",
           used - set(table))


def queries(texts):
    """Prometheus understands what a dashboard asks, as rules."""
    tool = shutil.which('promtool')
    if not tool:
        tap.skip('promtool check rules', 'not installed, util/deps test')
        return
    rules = [{'record': 'r%d' % i, 'expr':
              x.replace('$__rate_interval', '1m').replace('$job', '.*')}
             for i, x in enumerate(texts)]
    name = directory() + '/rules.yml'
    with open(name, 'w') as f:          # JSON is YAML
        json.dump({'groups': [{'name': 'all', 'rules': rules}]}, f)
    done = subprocess.run([tool, 'check', 'rules', name],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode()
    tap.ok(done.returncode == 0 and '%d rules found' % len(texts) in said,
           "all %d queries of Grafana's dashboard" % len(texts), said)


def promtool(text):
    tool = shutil.which('promtool')
    if not tool:
        tap.skip('promtool', 'not installed, util/deps test')
        return
    done = subprocess.run([tool, 'check', 'metrics'], input=text.encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = done.stdout.decode().splitlines()
    # names of Envoy and App Mesh are what they are
    bad = [x for x in lines if not re.match(
        r'envoy_\w+ (counter metrics should have "_total" suffix'
        r'|non-counter metrics should not have "_total" suffix'
        r"|(label|metric) names should be written in 'snake_case'"
        r'|metric names should not contain abbreviated units)', x)]
    tap.ok(done.returncode in (0, 3) and bad == [], 'promtool check metrics',
           '\n'.join(bad))


def ingress():
    """What comes to the node, and what its clients' connections are."""
    app = Backend('app')
    doc = document(1, {'me': []})
    doc['virtualNodes'] = [node('me', [(app.port, 'http')])]
    port = free_port()
    n = Sidecar(doc, resource='virtualNode/me', mesh='metrics_extension on;',
                http='server { listen 127.0.0.1:%d; location / '
                '{ mesh_pass ingress port=%d; } }' % (port, app.port)).start()
    n.at('1')

    c = http.client.HTTPConnection('127.0.0.1', port)
    for _ in range(3):
        request(port, '/', connection=c)
    request(port, '/')
    n.get('/')                          # egress, which is not the node's

    def values():
        numbers, _ = mesh_stats.text(n.page('/stats').text)
        return [numbers.get('appmesh.m.me.' + x) for x in
                ('RequestCount', 'NewConnectionCount',
                 'ActiveConnectionCount', 'GrpcRequestCount')]

    wait(lambda: values() == [4, 2, 1, 0])
    tap.same(values(), [4, 2, 1, 0], 'requests and connections of the node')
    numbers, _ = mesh_stats.text(n.page('/stats').text)
    tap.ok(numbers['appmesh.m.me.ProcessedBytes'] > 200, 'bytes')
    tap.same(numbers['cluster.cds_ingress_m_me_http_%d.upstream_rq_2xx'
                     % app.port], 4, 'the application has a cluster')
    c.close()
    wait(lambda: values()[2] == 0)
    tap.same(values()[2], 0, 'a connection that ended')


def absent():
    a, b = backends()
    n = sidecar(a, b)
    n.at('1')
    samples, types = mesh_stats.prometheus(n.page('/stats/prometheus').text)
    tap.ok(not [x for x in types if 'appmesh' in x]
           and not any('appmesh_mesh' in s.labels for s in samples),
           'no extension, no tags')
    tap.ok(not [x for x in types if 'health_check' in x or 'outlier' in x
                or 'connected_state' in x],
           'nothing is told of what is not there')

    n = sidecar(a, b, 'metrics_zone off;')
    n.at('1')
    n.get('/')
    numbers, _ = mesh_stats.text(n.page('/stats').text)
    tap.ok(EGRESS + 'total' not in numbers
           and numbers.get(CLUSTER % 'a' + 'membership_total') == 1,
           'without a zone: what is known without counting')


def before_a_document():
    n = Sidecar(workers=1).start()
    numbers, _ = mesh_stats.text(n.page('/stats').text)
    tap.same([numbers.get('server.' + x) for x in ('live', 'state')], [0, 3],
             'a page before there is a document')
    mesh_stats.prometheus(n.page('/stats/prometheus').text)


def overflow():
    """2,000 clusters and room for few: sums are right all the same."""
    a, b = backends()
    doc = document(1, {'last': [a.port]})
    doc['virtualNodes'] = [node('n%d' % i) for i in range(1999)] \
        + doc['virtualNodes']
    for i in range(1999):
        doc['endpoints']['n%d' % i] = [endpoint(a.port)]
    n = Sidecar(doc, mesh='metrics_zone 512k;').start()
    n.at('1', 60)

    for _ in range(200):
        n.get('/')

    def sums():
        samples, _ = mesh_stats.prometheus(n.page('/stats/prometheus').text)
        return [mesh_stats.find(samples, name) for name in
                ('envoy_cluster_upstream_rq_total',
                 'nginx_mesh_target_requests_total')]

    wait(lambda: sums() == [200, 200], 10, 0.2)
    tap.same(sums(), [200, 200], 'sums with an overflow row')
    samples, _ = mesh_stats.prometheus(n.page('/stats/prometheus').text)
    tap.ok(mesh_stats.find(samples, 'envoy_cluster_upstream_rq_total',
                           envoy_cluster_name='overflow'), 'which is there')
    tap.same(len([s for s in samples
                  if s.name == 'envoy_cluster_membership_total']), 2000,
             'endpoints of all clusters')
    tap.ok(n.logged('zone of metrics is full'), 'a warning')
    tap.same(n.bad(), [], 'nothing bad in the log')


def reloads():
    a, b = backends()
    n = sidecar(a, b, workers=2)
    n.at('1')
    for _ in range(5):
        n.get('/')
    n.reload()
    for _ in range(5):
        n.get('/')

    def total():
        return mesh_stats.text(n.page('/stats').text)[0].get(EGRESS + 'total')

    wait(lambda: total() == 10)
    tap.same(total(), 10, 'counters survive a reload')


tap.run(counts, ingress, absent, before_a_document, reloads, overflow)
