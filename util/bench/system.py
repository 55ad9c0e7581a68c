"""Processes and what /proc says of them."""

import os
import platform
import random
import re
import shutil
import signal
import socket
import subprocess
import time


class Skip(Exception):
    """Something optional is not there; the text says what."""


class Cores:
    """The proxy has a core of its own; load and backend share the other."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.proxy = cores[0]
        self.load = cores[1 % len(cores)]
        self.backend = cores[2] if len(cores) > 2 else self.load
        self.alone = len(cores) > 1


def free_port(taken=set()):
    """A free port below the range the kernel takes client ports from."""

    for _ in range(1000):
        port = random.randrange(20000, 32000)
        if port in taken:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
        taken.add(port)
        return port

    raise RuntimeError('no free port')


class Process:
    """A program in the foreground, on one core, with its output in a file."""

    def __init__(self, argv, core, log, cwd=None):
        self.log = log
        with open(log, 'ab') as out:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=cwd, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.pid = self.popen.pid

    def pids(self):
        """The process and its descendants."""

        pids = [self.pid]
        for pid in pids:
            try:
                with open('/proc/%d/task/%d/children' % (pid, pid)) as f:
                    pids += map(int, f.read().split())
            except OSError:
                pass
        return pids

    def alive(self):
        return self.popen.poll() is None

    def stop(self, sig=signal.SIGTERM):
        """Again and again: under valgrind a signal may come just before the
        process goes to sleep, and does not wake it."""

        for _ in range(15):
            if not self.alive():
                return
            self.popen.send_signal(sig)
            try:
                self.popen.wait(2)
            except subprocess.TimeoutExpired:
                pass
        self.popen.kill()
        self.popen.wait()

    def tail(self):
        with open(self.log, errors='replace') as f:
            return ''.join(f.readlines()[-5:])


def cpu_seconds(pids):
    """Time on a core, all threads: exact from schedstat, else in ticks."""

    total = 0.0

    for pid in pids:
        try:
            for tid in os.listdir('/proc/%d/task' % pid):
                with open('/proc/%d/task/%s/schedstat' % (pid, tid)) as f:
                    total += int(f.read().split()[0]) / 1e9
        except FileNotFoundError:
            try:
                with open('/proc/%d/stat' % pid) as f:
                    fields = f.read().rpartition(')')[2].split()
                total += ((int(fields[11]) + int(fields[12]))
                          / os.sysconf('SC_CLK_TCK'))
            except OSError:
                pass
    return total


def memory_kb(pids):
    """Resident memory in kB.

    "rss" is that of the largest process (the worker, of nginx).  "pss" is of
    all, a page that n processes map counted 1/n in each, so that the sum is
    what the proxy costs the machine; "anon" and "shmem" are parts of it.
    """

    out = {'rss': 0, 'peak': 0, 'pss': 0, 'anon': 0, 'shmem': 0}

    for pid in pids:
        try:
            with open('/proc/%d/status' % pid) as f:
                status = dict(re.findall(r'^(VmRSS|VmHWM):\s+(\d+)',
                                         f.read(), re.M))
            with open('/proc/%d/smaps_rollup' % pid) as f:
                rollup = dict(re.findall(r'^(\w+):\s+(\d+)', f.read(), re.M))
        except OSError:
            continue
        out['rss'] = max(out['rss'], int(status.get('VmRSS', 0)))
        out['peak'] = max(out['peak'], int(status.get('VmHWM', 0)))
        out['pss'] += int(rollup['Pss'])
        out['anon'] += int(rollup.get('Pss_Anon', 0))
        out['shmem'] += int(rollup.get('Pss_Shmem', 0))
    return out


class CoreUse:
    """How busy cores were between start and stop, from /proc/stat."""

    def __init__(self):
        self.before = self._read()

    @staticmethod
    def _read():
        with open('/proc/stat') as f:
            return {int(line[3:line.index(' ')]):
                    list(map(int, line.split()[1:]))
                    for line in f if re.match(r'cpu\d', line)}

    def stop(self):
        """core -> (busy %, stolen by the hypervisor %)."""

        out = {}
        for core, after in self._read().items():
            diff = [a - b for a, b in zip(after, self.before[core])]
            total = sum(diff[:8]) or 1
            idle = diff[3] + diff[4]
            out[core] = (100 * (total - idle - diff[7]) / total,
                         100 * diff[7] / total)
        return out


def wait_http(port, path='/', host='localhost', headers=(), timeout=60,
              process=None, want=200):
    """Waits until a GET is answered with status "want"; gives the body."""

    end = time.monotonic() + timeout
    status, body = 0, b''

    while time.monotonic() < end:
        if process and not process.alive():
            raise RuntimeError('ended at start:\n' + process.tail())
        try:
            status, body = get(port, path, host, headers)
            if status == want:
                return body
        except OSError:
            pass
        time.sleep(0.01)

    raise RuntimeError('no answer %d on port %d: %s %s\n%s'
                       % (want, port, status, body[:200],
                          process.tail() if process else ''))


def get(port, path='/', host='localhost', headers=(), timeout=30):
    lines = ['GET %s HTTP/1.1' % path, 'Host: ' + host, 'Connection: close']
    lines += ['%s: %s' % h for h in dict(headers).items()]

    with socket.create_connection(('127.0.0.1', port), timeout) as s:
        s.sendall('\r\n'.join(lines + ['', '']).encode())
        data = b''
        while True:
            part = s.recv(65536)
            if not part:
                break
            data += part

    head, _, body = data.partition(b'\r\n\r\n')
    fields = head.split(None, 2)
    if b'transfer-encoding: chunked' in head.lower():
        body = unchunk(body)
    return (int(fields[1]) if len(fields) > 1 else 0), body


def unchunk(data):
    out = b''
    while data:
        size, _, data = data.partition(b'\r\n')
        size = int(size.split(b';')[0] or b'0', 16)
        if size == 0:
            break
        out += data[:size]
        data = data[size + 2:]
    return out


def output(argv):
    """What a program prints, or an empty string."""

    if shutil.which(argv[0]) is None:
        return ''
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, check=False).stdout.strip()


def first(pattern, text):
    m = re.search(pattern, text, re.M)
    return m.group(1).strip() if m else ''


def machine():
    """What the numbers stand on, besides the proxies' own versions."""

    with open('/proc/cpuinfo') as f:
        model = first(r'^model name\s*:\s*(.*)', f.read())
    with open('/proc/meminfo') as f:
        memory = int(first(r'^MemTotal:\s+(\d+)', f.read()) or 0)

    try:
        with open('/etc/os-release') as f:
            system = first(r'^PRETTY_NAME="?([^"\n]*)', f.read())
    except OSError:
        system = ''

    return {'cpu': model or platform.machine(),
            'cores': len(os.sched_getaffinity(0)),
            'memory_gb': round(memory / 2 ** 20),
            'virtual': 'hypervisor' in open('/proc/cpuinfo').read(),
            'kernel': 'Linux ' + first(r'^(\d+\.\d+\.\d+)',
                                       platform.release()),
            'system': system}
