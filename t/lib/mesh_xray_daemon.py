"""The TCP side of an X-Ray daemon: GetSamplingRules and SamplingTargets, of a
service that gives out quotas.

    d = Daemon()
    d.rules = [rule('a', host='app.*', reservoir=5, rate=0.1)]
    d.targets['a'] = {'ReservoirQuota': 3, 'Interval': 1}
    d.script(lambda r: reply('x', '500 Oops'))      # for the next request

What is reported is kept in .reports: (time, document).
"""

import json
import threading
import time

from mesh_test import Backend, reply, wait


def rule(name, priority=100, reservoir=1, rate=0.05, host='*', method='*',
         path='*', service='*', kind='*', arn='*', version=1, **more):
    return dict({'RuleName': name, 'RuleARN': 'arn:aws:xray:::rule/' + name,
                 'ResourceARN': arn, 'Priority': priority, 'FixedRate': rate,
                 'ReservoirSize': reservoir, 'ServiceName': service,
                 'ServiceType': kind, 'Host': host, 'HTTPMethod': method,
                 'URLPath': path, 'Version': version, 'Attributes': {}},
                **more)


class Daemon:
    def __init__(self, port=0, page=100):
        self.rules = []
        self.targets = {}
        self.modified = 1.5e9
        self.refused = []               # rules: UnprocessedStatistics
        self.page = page
        self.asked = []                 # times of GetSamplingRules
        self.reports = []
        self.bad = []
        self.scripts = []
        self.always = None
        self.lock = threading.Lock()
        self.backend = Backend('xray', answer=self.take, port=port)
        self.port = self.backend.port

    def script(self, *scripts):
        self.scripts += scripts

    def take(self, r):
        with self.lock:
            script = self.scripts.pop(0) if self.scripts else self.always
        if script:
            return script(r)
        try:
            body = json.loads(r.body)
            if r.method != 'POST':
                raise ValueError(r.method)
            if r.path == '/GetSamplingRules':
                answer = self.get_rules(body)
            elif r.path == '/SamplingTargets':
                answer = self.get_targets(body)
            else:
                raise ValueError(r.path)
        except (ValueError, KeyError, TypeError) as e:
            self.bad.append(repr(e))
            return reply('{}', '400 Bad Request')
        return reply(json.dumps(answer))

    def get_rules(self, body):
        first = int(body.get('NextToken', '0'))
        part = self.rules[first:first + self.page]
        if first == 0:
            self.asked.append(time.monotonic())
        answer = {'SamplingRuleRecords': [
            {'CreatedAt': 0.0, 'ModifiedAt': 1.5e9, 'SamplingRule': x}
            for x in part], 'NextToken': None}
        if first + self.page < len(self.rules):
            answer['NextToken'] = str(first + self.page)
        return answer

    def get_targets(self, body):
        docs = body['SamplingStatisticsDocuments']
        if not 1 <= len(docs) <= 25:
            raise ValueError('%d documents' % len(docs))
        found, refused = [], []
        for doc in docs:
            for name in ('RequestCount', 'SampledCount', 'BorrowCount'):
                if not isinstance(doc[name], int) or doc[name] < 0:
                    raise ValueError(name)
            if len(doc['ClientID']) != 24:
                raise ValueError('ClientID')
            int(doc['ClientID'], 16)
            if abs(doc['Timestamp'] - time.time()) > 60:
                raise ValueError('Timestamp')
            if doc['RuleName'] in self.refused:
                refused.append({'RuleName': doc['RuleName'],
                                'ErrorCode': '500', 'Message': 'oops'})
                continue
            self.reports.append((time.monotonic(), doc))
            if doc['RuleName'] in self.targets:
                target = dict(self.targets[doc['RuleName']],
                              RuleName=doc['RuleName'])
                if 'ReservoirQuota' in target:
                    target.setdefault('ReservoirQuotaTTL',
                                      time.time() + 3600)
                found.append(target)
        return {'SamplingTargetDocuments': found,
                'UnprocessedStatistics': refused,
                'LastRuleModification': self.modified}

    def total(self, name, what):
        return sum(doc[what] for _, doc in list(self.reports)
                   if doc['RuleName'] == name)

    def reported(self, name, n=1, timeout=30):
        """Until a rule was reported n times."""
        return wait(lambda: sum(doc['RuleName'] == name
                                for _, doc in list(self.reports)) >= n,
                    timeout, 0.02)

    def close(self):
        self.backend.close()
