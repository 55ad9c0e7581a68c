"""The Ordering application in the mesh: four services on loopback, a sidecar
for each, and the control plane that all sidecars follow.

    clients -> ui -> order -> inventory-v1 | inventory-v2

Each arrow goes through two sidecars: out of the egress listener of the caller's
and into the ingress listener of the other one's.

Each service has an address of its own, as a task has: the sidecar's ingress
listener is at that address and the service at 127.0.0.1, on the same port.
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

from appmesh import Api, has_aws
from traces import Collector

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

NODES = ("ui", "order", "inventory-v1", "inventory-v2")
VERSIONS = NODES[2:]
PORTS = ("app", "egress", "admin")
ADDRESSES = {node: f"127.0.1.{n}" for n, node in enumerate(NODES, 1)}

# a request leaves a segment at each sidecar it passes, in each direction
SEGMENTS = 5

# what the weights are changed of
ROUTE = {"meshName": "ordering", "virtualRouterName": "inventory",
         "routeName": "all"}

# whom a service asks: virtual service and path
ASKS = {
    "ui": ("order.ordering.local", "/orders/1"),
    "order": ("inventory.ordering.local", "/stock/1"),
}


class DemoError(Exception):
    """Something that the reader of the terminal has to know."""


def is_free(port, address="127.0.0.1"):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((address, port))
        except OSError:
            return False
    return True


def free_ports():
    """{node: {use: port}} and the control plane's port, in a row, below the
    ports of outgoing connections."""
    n = len(NODES) * len(PORTS)
    for base in range(18000, 32000, 100):
        if all(is_free(base + i, address) for i in range(n + 1)
               for address in ("127.0.0.1", *ADDRESSES.values())):
            ports = iter(range(base + 1, base + 1 + n))
            return base, {node: {use: next(ports) for use in PORTS}
                          for node in NODES}
    raise DemoError(f"found no {n + 1} free ports in a row")


def die_with_parent():
    """In a child: end when the demo is gone, however it went."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Ordering:
    def __init__(self, directory, workers):
        self.directory = directory
        self.workers = workers
        self.port, self.ports = free_ports()
        self.log = directory / "order-access.log"
        self.api_log = directory / "control-plane-access.log"
        self.processes = {}
        self.traces = Collector()
        self.api = Api(f"http://127.0.0.1:{self.port}", has_aws())
        with open(ROOT / "conf/examples/ordering.json") as f:
            self.example = json.load(f)
        self.spec = self.example["routes"][0]["spec"]

    # the mesh

    def resources(self):
        """(operation, members) of what the mesh consists of: nothing before
        what it refers to."""
        example = self.example
        mesh = example["mesh"]
        yield "create-mesh", mesh
        name = {"meshName": mesh["meshName"]}

        for node in example["virtualNodes"]:
            spec = node["spec"]
            which = node["virtualNodeName"]
            spec["listeners"][0]["portMapping"]["port"] = \
                self.ports[which]["app"]
            spec["serviceDiscovery"]["dns"]["hostname"] = ADDRESSES[which]
            if which == "ui":
                # so that the routes concern two of the sidecars
                spec["backends"].append({"virtualService": {
                    "virtualServiceName": "inventory.ordering.local"}})
            yield "create-virtual-node", {**name, **node}

        for kind, operation in (
                ("virtualRouters", "create-virtual-router"),
                ("routes", "create-route"),
                ("virtualServices", "create-virtual-service")):
            for resource in example[kind]:
                yield operation, {**name, **resource}

    def weigh(self, weights):
        """Members of the update-route that sets the weights."""
        action = self.spec["httpRoute"]["action"]
        action["weightedTargets"] = [
            {"virtualNode": node, "weight": weight}
            for node, weight in weights.items()]
        return {**ROUTE, "spec": self.spec}

    def read_weights(self):
        """{node: weight} as the control plane has it, None without answer."""
        status, body, _ = self.get(
            self.port, "/v20190125/meshes/{meshName}/virtualRouter/"
            "{virtualRouterName}/routes/{routeName}".format(**ROUTE))
        if status != 200:
            return None
        route = json.loads(body)["spec"]["httpRoute"]
        weights = {target["virtualNode"]: target["weight"]
                   for target in route["action"]["weightedTargets"]}
        return {node: weights.get(node, 0) for node in VERSIONS}

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

    def start_control_plane(self):
        self.start("control-plane", [
            "util/mesh", "control-plane", "--supervise", "off",
            "--listen", f"127.0.0.1:{self.port}",
            "--data", str(self.directory / "control-plane"),
            "--run-dir", str(self.directory / "control-plane-run"),
            "--workers", str(self.workers),
            "--access-log", str(self.api_log)])
        self.wait_for("the control plane", "control-plane",
                      lambda: self.get(self.port, "/ready")[0] == 200)

    def kill_control_plane(self):
        """All of its processes at once, without a chance to end well."""
        process = self.processes.pop("control-plane")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_sidecar(self, node):
        ports = self.ports[node]
        self.start(f"{node}-sidecar", [
            "util/mesh", "sidecar", "--supervise", "off",
            "--resource", f"mesh/ordering/virtualNode/{node}",
            "--control-plane", self.api.url,
            "--egress", f"127.0.0.1:{ports['egress']}",
            "--ingress", f"{ADDRESSES[node]}:{ports['app']}",
            "--admin", f"127.0.0.1:{ports['admin']}",
            "--run-dir", str(self.directory / f"{node}-sidecar"),
            "--state", str(self.directory / f"{node}-state"),
            "--workers", str(self.workers),
            "--xray", self.traces.address,
            "--access-log", str(self.log) if node == "order" else "off"])

    def start_load(self, clients, rate):
        return self.start("load", [
            sys.executable, str(HERE / "load.py"), ADDRESSES["ui"],
            str(self.ports["ui"]["app"]), str(clients), str(rate)],
            stdout=subprocess.PIPE, text=True).stdout

    def end_load(self):
        """Asks the clients to end; none of their requests is cut off."""
        self.processes.pop("load").send_signal(signal.SIGTERM)

    def start_all(self):
        for node in NODES:
            self.start_service(node)
            self.start_sidecar(node)
        for node in NODES:
            self.wait_for(f"the sidecar of {node}", f"{node}-sidecar",
                          lambda: self.admin(node, "/ready")[0] == 200)
            self.wait_for(node, node,
                          lambda: not is_free(self.ports[node]["app"]))

    def wait_for(self, what, name, ready):
        deadline = time.monotonic() + 15
        while not ready():
            self.check_alive()
            if time.monotonic() > deadline:
                raise DemoError(f"{what} does not get ready{self.tail(name)}")
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
        order.append("control-plane")
        for name in order:
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(
                signal.SIGQUIT if name.endswith(("-sidecar", "-plane"))
                else signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()
        self.processes.clear()

    # what the control plane and the sidecars say

    def get(self, port, path):
        """(status, body, headers), or None thrice where there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        except (OSError, http.client.HTTPException):
            return None, None, None
        finally:
            connection.close()

    def admin(self, node, path):
        return self.get(self.ports[node]["admin"], path)[:2]

    def document_version(self, node):
        """The version that the control plane has for a sidecar."""
        status, _, headers = self.get(
            self.port, f"/mesh/v1/meshes/ordering/virtualNodes/{node}/document")
        if status != 200:
            raise DemoError(f"no document for {node}: status {status}")
        return headers["ETag"].strip('"')

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

    def metrics(self, node):
        """{(name, labels as text): value} of /stats/prometheus."""
        found = {}
        text = self.admin(node, "/stats/prometheus")[1] or b""
        for line in text.decode().splitlines():
            if not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                found[series] = float(value)
        return found

    def requests_to(self, node, metrics):
        """Requests that a sidecar has sent to a node, answered with 2xx."""
        return sum(value for series, value in metrics.items()
                   if series.startswith("nginx_mesh_target_requests_total{")
                   and f'virtual_node="{node}"' in series
                   and 'code_class="2' in series)

    def all_wait(self):
        """Whether each sidecar waits at the control plane for changes."""
        status, body, _ = self.get(self.port,
                                   "/mesh/v1/meshes/ordering/proxies")
        proxies = json.loads(body)["proxies"] if status == 200 else []
        return {proxy["resource"].split("/")[-1] for proxy in proxies
                if proxy["waiting"]} >= set(NODES)

    # a change, measured

    def change(self, weights):
        """Has the API change the weights and waits until they are in force.
        Returns {node: seconds until its sidecar had it} of the nodes whose
        document they are in, seconds until the first request that was routed
        by them, both from the API's answer; and the moment (monotonic) it was
        in force."""
        had, first = {}, None
        was = {node: self.config_version(node) for node in NODES}
        offset = self.log.stat().st_size
        answered, process = self.update(weights)
        deadline = answered + 10
        concerned = None

        while concerned is None or first is None or set(had) < concerned:
            for node in NODES:
                if node not in had and self.config_version(node) != was[node]:
                    had[node] = time.time() - answered
            if concerned is None and had:
                now = {node: self.document_version(node) for node in NODES}
                concerned = {node for node in NODES if now[node] != was[node]}
            if first is None and "order" in had \
                    and self.routed_by(self.config_version("order"), offset):
                first = time.time() - answered
            if time.time() > deadline:
                raise DemoError("the change is not in force after 10 s: it is "
                                f"in {sorted(had)} of {concerned}")
            time.sleep(0.001)

        in_force = time.monotonic() - time.time() + answered + max(had.values())
        self.api.finish(process)
        for node in concerned:
            if self.config_version(node) != now[node]:
                raise DemoError(f"{node} has another document than it should")
        return had, first, in_force

    def update(self, weights):
        """Runs update-route; returns when the API answered, from the log of
        the control plane as the client takes a while to end, and the client."""
        with open(self.api_log) as log:
            log.seek(0, os.SEEK_END)
            process = self.api.start("update-route", **self.weigh(weights))
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                for line in log:
                    if '"PUT /v20190125/meshes/ordering/virtualRouter/' in line:
                        return float(line.split()[1]), process
                if process.poll() not in (None, 0):
                    break
                time.sleep(0.001)
        process.kill() if process.poll() is None else None
        self.api.finish(process)
        raise DemoError("the control plane did not log the call")

    def routed_by(self, version, offset):
        """Whether order's sidecar logged a request decided by this version."""
        with open(self.log, "rb") as f:
            f.seek(offset)
            return f'"{version}"\n'.encode() in f.read()

    def trim_log(self):
        if self.log.stat().st_size > 32 << 20:
            os.truncate(self.log, 0)
