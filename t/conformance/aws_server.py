#!/usr/bin/python3

"""The AWS CLI without the second that each start of it takes: what it needs is
loaded once, and each command is run by a child that is forked off then.

A line of JSON on standard input is a command, {"args": [...], "env": {...}};
the answer to it is a line too, {"status": N, "out": "...", "err": "..."}.
"""

import json
import os
import sys
import tempfile

from awscli.clidriver import create_clidriver

# what its messages begin with
sys.argv[0] = 'aws'


def load():
    driver = create_clidriver()
    loader = driver.session.get_component('data_loader')
    for name in ('service-2', 'paginators-1', 'endpoint-rule-set-1'):
        loader.load_service_model('appmesh', name)
    return driver


def child(driver, command, out, err):
    os.environ.clear()
    os.environ.update(command['env'])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    status = driver.main(command['args'])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def run(driver, command):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            try:
                child(driver, command, out, err)
            except SystemExit as e:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(e.code or 0)
            finally:
                os._exit(70)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return {'status': os.waitstatus_to_exitcode(status),
                'out': out.read().decode(), 'err': err.read().decode()}


def main():
    driver = load()
    for line in sys.stdin:
        print(json.dumps(run(driver, json.loads(line))), flush=True)


if __name__ == '__main__':
    main()
