"""The Ordering application in the mesh: four services on loopback, a sidecar
for each, and the mesh document that all sidecars read.

    clients -> ui -> order -> inventory-v1 | inventory-v2

Each arrow goes through two sidecars: out of the egress listener of the caller's
and into the ingress listener of the other one's.
"""

import ctypes
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

NODES = ("ui", "order", "inventory-v1", "inventory-v2")
VERSIONS = NODES[2:]
PORTS = ("app", "ingress", "egress", "admin")

# whom a service asks: virtual service and path
ASKS = {
    "ui": ("order.ordering.local", "/orders/1"),
    "order": ("inventory.ordering.local", "/stock/1"),
}


class DemoError(Exception):
    """Something that the reader of the terminal has to know."""


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports():
    """{node: {use: port}}, in a row, below the ports of outgoing connections."""
    n = len(NODES) * len(PORTS)
    for base in range(18000, 32000, 100):
        if all(is_free(base + i) for i in range(n)):
            ports = iter(range(base, base + n))
            return {node: {use: next(ports) for use in PORTS}
                    for node in NODES}
    raise DemoError("found no 16 free ports in a row")


def die_with_parent():
    """In a child: end when the demo is gone, however it went."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Ordering:
    def __init__(self, directory, workers, interval):
        self.directory = directory
        self.workers = workers
        self.interval = interval
        self.ports = free_ports()
        self.document = directory / "mesh.json"
        self.log = directory / "order-access.log"
        self.processes = {}
        self.version = 0

    # the mesh document

    def write_document(self, weights):
        """Puts a new document in the old one's place at once; returns the
        moment before and the new version."""
        with open(ROOT / "conf/examples/ordering.json") as f:
            document = json.load(f)

        self.version += 1
        document["version"] = str(self.version)
        for node in document["virtualNodes"]:
            port = self.ports[node["virtualNodeName"]]["app"]
            node["spec"]["listeners"][0]["portMapping"]["port"] = port
        document["endpoints"] = {
            node: [{"ip": "127.0.0.1", "port": ports["ingress"]}]
            for node, ports in self.ports.items()}
        action = document["routes"][0]["spec"]["httpRoute"]["action"]
        action["weightedTargets"] = [
            {"virtualNode": node, "weight": weights[node]}
            for node in VERSIONS]

        new = self.document.with_suffix(".new")
        new.write_text(json.dumps(document, indent=4) + "\n")
        before = time.monotonic()
        new.rename(self.document)
        return before, str(self.version)

    def read_weights(self):
        """{node: weight} as the file has it, or None while it is edited."""
        try:
            document = json.loads(self.document.read_text())
            route = document["routes"][0]["spec"]["httpRoute"]
            weights = {target["virtualNode"]: target["weight"]
                       for target in route["action"]["weightedTargets"]}
            return {node: weights.get(node, 0) for node in VERSIONS}
        except (OSError, ValueError, LookupError, TypeError):
            return None

    # processes

    def start(self, name, command, **options):
        with open(self.directory / f"{name}.log", "ab") as log:
            options = {"stdout": log, "stderr": log, **options}
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=die_with_parent, cwd=ROOT, **options)
        return self.processes[name]

    def start_service(self, node):
        command = [sys.executable, str(HERE / "service.py"), node,
                   str(self.ports[node]["app"])]
        if node in ASKS:
            command += [str(self.ports[node]["egress"]), *ASKS[node]]
        self.start(node, command)

    def start_sidecar(self, node):
        at = {use: f"127.0.0.1:{port}"
              for use, port in self.ports[node].items()}
        self.start(f"{node}-sidecar", [
            "util/mesh", "sidecar",
            "--resource", f"mesh/ordering/virtualNode/{node}",
            "--control-plane", f"file:{self.document}",
            "--interval", self.interval,
            "--egress", at["egress"],
            "--ingress", at["ingress"],
            "--admin", at["admin"],
            "--run-dir", str(self.directory / f"{node}-sidecar"),
            "--state", str(self.directory / f"{node}-state"),
            "--workers", str(self.workers),
            "--access-log", str(self.log) if node == "order" else "off"])

    def start_load(self, clients, rate):
        return self.start("load", [
            sys.executable, str(HERE / "load.py"),
            str(self.ports["ui"]["ingress"]), str(clients), str(rate)],
            stdout=subprocess.PIPE, text=True).stdout

    def start_all(self):
        for node in NODES:
            self.start_service(node)
            self.start_sidecar(node)

        deadline = time.monotonic() + 15
        for node in NODES:
            while self.admin(node, "/ready")[0] != 200:
                self.check_alive()
                if time.monotonic() > deadline:
                    raise DemoError(f"the sidecar of {node} does not get "
                                    + "ready" + self.tail(f"{node}-sidecar"))
                time.sleep(0.02)
            while is_free(self.ports[node]["app"]):
                self.check_alive()
                time.sleep(0.02)

    def tail(self, name):
        lines = (self.directory / f"{name}.log").read_text().splitlines()
        return "".join("\n    " + line for line in lines[-8:])

    def check_alive(self):
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise DemoError(f"{name} ended, with status "
                                f"{process.returncode}{self.tail(name)}")

    def stop(self):
        """Ends what was started here, callers before those they call."""
        order = ["load"] + [name for node in NODES
                            for name in (f"{node}-sidecar", node)]
        for name in order:
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGQUIT if name.endswith("-sidecar")
                                else signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()
        self.processes.clear()

    # what the sidecars say

    def admin(self, node, path):
        """(status, body), or (None, None) where there is no answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.ports[node]["admin"], timeout=2)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None, None
        finally:
            connection.close()

    def config(self, node):
        """What a sidecar says about its document, {} if it says nothing."""
        try:
            return json.loads(self.admin(node, "/server_info")[1])["config"]
        except (TypeError, ValueError, LookupError):
            return {}

    def config_version(self, node):
        return self.config(node).get("version")

    def memory(self, node):
        """What the sidecar's processes take together, in bytes: shared pages
        are shared out among them."""
        total = 0
        try:
            pid = self.processes[f"{node}-sidecar"].pid
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
            for pid in [pid, *children.read_text().split()]:
                rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
                for line in rollup.splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        except (OSError, KeyError):
            pass
        return total

    # a change, measured

    def change(self, weights):
        """Writes the weights and waits until they are in force.  Returns
        {node: seconds until its sidecar had it}, seconds until the first
        request that was routed by it, and the moment it was in force."""
        offset = self.log.stat().st_size
        before, version = self.write_document(weights)
        had, first = {}, None

        while len(had) < len(NODES) or first is None:
            for node in NODES:
                if node not in had and self.config_version(node) == version:
                    had[node] = time.monotonic() - before
            if first is None and self.routed_by(version, offset):
                first = time.monotonic() - before
            if time.monotonic() - before > 10:
                missing = [node for node in NODES if node not in had]
                raise DemoError(
                    f"version {version} is not in force after 10 s: "
                    + (f"not in the sidecar of {', '.join(missing)}" if missing
                       else "no request was routed by it"))
            time.sleep(0.002)

        return had, first, before + max(had.values())

    def routed_by(self, version, offset):
        """Whether order's sidecar logged a request decided by this version."""
        with open(self.log, "rb") as f:
            f.seek(offset)
            return f'"{version}"\n'.encode() in f.read()

    def trim_log(self):
        if self.log.stat().st_size > 32 << 20:
            os.truncate(self.log, 0)
