"""A collector in the place of X-Ray's daemon: segments become trees.

The daemon takes one datagram a segment, a line of JSON that says which format
follows and the segment itself.
"""

import collections
import json
import socket
import threading

# traces that are kept, the oldest go first
TRACES = 2000


class Collector:
    """A thread that takes segments until it is closed."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.traces = collections.OrderedDict()     # id -> [segment]
        self.segments = 0
        self.wrong = []
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            try:
                header, text = data.split(b"\n", 1)
                if json.loads(header) != {"format": "json", "version": 1}:
                    raise ValueError("header")
                segment = json.loads(text)
                trace = segment["trace_id"]
            except (ValueError, LookupError) as error:
                self.wrong.append(f"{error!r}: {data[:200]!r}")
                continue
            with self.lock:
                self.segments += 1
                self.traces.setdefault(trace, []).append(segment)
                if len(self.traces) > TRACES:
                    self.traces.popitem(last=False)

    def close(self):
        self.socket.close()

    def whole(self, n):
        """Traces of "n" segments, the newest first."""
        with self.lock:
            return [list(segments) for segments in
                    reversed(self.traces.values()) if len(segments) == n]


def tree(segments):
    """[(depth, segment)] from the root on, callers before those they call; None
    unless all of them hang together under one root."""
    children = collections.defaultdict(list)
    ids = {segment["id"] for segment in segments}
    for segment in segments:
        parent = segment.get("parent_id")
        children[parent if parent in ids else None].append(segment)
    if len(children[None]) != 1:
        return None

    found = []

    def walk(parent, depth):
        for segment in sorted(children[parent], key=lambda s: s["start_time"]):
            found.append((depth, segment))
            walk(segment["id"], depth + 1)

    walk(None, 0)
    return found if len(found) == len(segments) else None


def lines(found):
    """A tree as text: who, in which direction, how long, with what status."""
    root = found[0][1]
    for depth, segment in found:
        took = (segment["end_time"] - segment["start_time"]) * 1e3
        since = (segment["start_time"] - root["start_time"]) * 1e3
        yield (f"{'  ' * depth}{segment['name']}"
               f" {segment['annotations']['direction']}").ljust(44) + (
               f"{segment['http']['response']['status']}"
               f"  at {since:4.0f} ms, {took:4.0f} ms")
