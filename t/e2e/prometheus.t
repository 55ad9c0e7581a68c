#!/usr/bin/env python3
#
# Prometheus itself scrapes a sidecar under load: what its queries return is the
# rate that clients see.

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))

from mesh_test import (SLOW, Backend, Load, Sidecar, at_end, directory,
                       document, free_port, node, reply, request, tap, wait)

CONFIG = '''
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: mesh
    metrics_path: /stats/prometheus
    static_configs:
      - targets: ['127.0.0.1:%d']
'''


class Prometheus:
    def __init__(self, target):
        self.dir = directory()
        self.port = free_port()
        with open(self.dir + '/prometheus.yml', 'w') as f:
            f.write(CONFIG % target)
        self.log = open(self.dir + '/log', 'wb')
        self.process = subprocess.Popen(
            ['prometheus', '--config.file=%s/prometheus.yml' % self.dir,
             '--storage.tsdb.path=%s/data' % self.dir,
             '--web.listen-address=127.0.0.1:%d' % self.port],
            stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=subprocess.STDOUT)
        at_end(self.end)
        if not wait(self.ready, 60, 0.1):
            with open(self.dir + '/log') as f:
                raise RuntimeError('prometheus: ' + f.read()[-2000:])

    def end(self):
        self.process.kill()
        self.process.wait()

    def ready(self):
        try:
            return request(self.port, '/-/ready').status == 200
        except OSError:
            return False

    def query(self, text):
        """{labels, as they are sorted: value}"""
        r = request(self.port, '/api/v1/query?query='
                    + urllib.parse.quote(text))
        data = json.loads(r.body)
        if data['status'] != 'success':
            raise RuntimeError(r.text)
        return {tuple(sorted(x['metric'].items())): float(x['value'][1])
                for x in data['data']['result']}

    def one(self, text):
        found = list(self.query(text).values())
        return found[0] if len(found) == 1 else None


def same(p, text, want, name):
    """What a query gives in the end: a scrape that comes too late takes all
    values away until the next one."""
    got = []

    def right():
        got[:] = [p.one(text)]
        return got[0] == want

    wait(right, 20, 0.2)
    return tap.same(got[0], want, name)


def numbers():
    a = Backend('a')
    b = Backend('b', lambda r: reply('b', '503 Sorry'))
    doc = document(1, {'a': [a.port], 'b': [b.port]}, weights={'a': 1, 'b': 0})
    me = node('me')
    me['spec']['backends'] = [
        {'virtualService': {'virtualServiceName': 'app.local'}}]
    doc['virtualNodes'].append(me)
    n = Sidecar(doc, resource='virtualNode/me', workers=2,
                mesh='metrics_extension on; stats_tags on;').start()
    n.at('1')
    p = Prometheus(n.admin)

    tap.ok(wait(lambda: p.one('up{job="mesh"}') == 1, 30, 0.2),
           'the scrape is well formed')

    load = Load(n.egress, clients=2, pause=0.01)
    load.more(50, 60)
    time.sleep(2 * SLOW)
    begin, done = time.monotonic(), load.done
    time.sleep(10 * SLOW)
    seen = p.one('sum(rate(envoy_http_downstream_rq_total'
                 '{envoy_http_conn_manager_prefix="egress"}[%ds]))'
                 % (10 * SLOW))
    rate = (load.done - done) / (time.monotonic() - begin)
    load.stop()
    tap.ok(seen and abs(seen - rate) < 0.3 * rate, 'the rate of requests',
           '%r, by clients %r' % (seen, rate))

    total = 'sum(envoy_http_downstream_rq_total' \
            '{envoy_http_conn_manager_prefix="egress"})'
    done = float(load.done)
    same(p, total, done, 'and their number, exactly')
    same(p, 'sum(nginx_mesh_target_requests_total{virtual_node="a",'
         'code_class="2xx"})', done, 'by route, node and class')
    same(p, 'sum(envoy_appmesh_RequestCountPerTarget'
         '{Mesh="m",VirtualNode="me"})', done, "App Mesh's metrics extension")

    median = wait(lambda: p.one(
        'histogram_quantile(0.5, sum by (le) '
        '(nginx_mesh_target_request_duration_seconds_bucket))'), 20, 0.2)
    tap.ok(median is not None and 0 < median < 1, 'a median', median)
    same(p, 'envoy_cluster_membership_healthy{envoy_cluster_name='
         '"cds_egress_m_a_http_8080"}', 1.0, 'endpoints')
    tap.ok(wait(lambda: p.query('nginx_mesh_config_info'), 20, 0.2),
           'the version')


if not shutil.which('prometheus'):
    tap.skip_all('prometheus is not installed, util/deps test')

tap.run(numbers)
