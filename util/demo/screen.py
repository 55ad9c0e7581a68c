"""The demo's terminal: redrawn in place, or line by line where that cannot be
(output into a file or a pipe)."""

import os
import sys
import textwrap
import time

from ordering import ADDRESSES, NODES, VERSIONS

HOME = "\x1b[H"
CLEAR, CLEAR_REST, CLEAR_BELOW = "\x1b[2J", "\x1b[K", "\x1b[J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
COLOURS = {"inventory-v1": "\x1b[36m", "inventory-v2": "\x1b[33m",
           "bad": "\x1b[31m", "good": "\x1b[32m", "strong": "\x1b[1m",
           "dim": "\x1b[2m"}


def arrow(*weights):
    """A change of weights in words: "90/10 -> 50/50"."""
    return " -> ".join("/".join(str(w[v]) for v in VERSIONS)
                       for w in weights if w is not None)


class Screen:
    def __init__(self, live):
        self.live = live
        self.begun = time.monotonic()
        self.notes = []
        self.last_line = 0.0
        encoding = (sys.stdout.encoding or "").lower().replace("-", "")
        self.bar_sign = "\u2588" if encoding == "utf8" else "#"
        if live:
            sys.stdout.write(HIDE_CURSOR + NO_WRAP + CLEAR)

    def close(self):
        if self.live:
            sys.stdout.write(SHOW_CURSOR + WRAP + "\n")
            sys.stdout.flush()
            self.live = False

    def note(self, text, colour=None):
        """A line that stays."""
        self.notes.append((text, colour))
        if not self.live:
            print(text, flush=True)

    def wrapped(self, width):
        return [self.paint(line, colour) for text, colour in self.notes
                for line in textwrap.wrap(text, width, subsequent_indent="    ")
                or [""]]

    def paint(self, text, colour):
        if not self.live or colour is None:
            return text
        return f"{COLOURS[colour]}{text}\x1b[0m"

    def show(self, state):
        if self.live:
            width, height = os.get_terminal_size()
            lines = self.picture(state)
            lines += self.wrapped(width)[-max(1, height - len(lines) - 1):]
            sys.stdout.write(HOME + "".join(
                line + CLEAR_REST + "\n" for line in lines[:height - 1])
                + CLEAR_BELOW)
            sys.stdout.flush()
        elif time.monotonic() - self.last_line >= 2:
            self.last_line = time.monotonic()
            print(self.line(state), flush=True)

    def line(self, state):
        window, rate, p50, p99 = state.window
        split = ", ".join(
            f"{v[10:]} {window.share(v):.1%} ({state.weight(v):.0%})"
            for v in VERSIONS)
        return (f"{self.elapsed()}  {split}  {rate:.0f} requests/s  "
                f"p50 {p50 * 1e3:.1f} ms  p99 {p99 * 1e3:.1f} ms  "
                f"{state.failed} failed  config "
                + "/".join(self.version(state, n) for n in NODES))

    def version(self, state, node):
        return (state.versions.get(node) or "-")[:8]

    def elapsed(self):
        seconds = int(time.monotonic() - self.begun)
        return f"{seconds // 60:02d}:{seconds % 60:02d}"

    def picture(self, state):
        window, rate, p50, p99 = state.window
        rows = {v: self.branch(state, v) for v in VERSIONS}
        failed = self.paint(f"{state.failed} failed of {state.total}",
                            "bad" if state.failed else "good")
        lines = [
            self.paint("nginx mesh: the Ordering application", "strong")
            + f"   {self.elapsed()}",
            "",
            f"{'':44}weight  last {state.window_length:.0f} s  since change",
            f"{'':26},-> {rows['inventory-v1']}",
            f"{state.clients:>3} clients -> ui -> order -+",
            f"{'':26}'-> {rows['inventory-v2']}",
            "",
            f"{rate:6.0f} requests/s   p50 {p50 * 1e3:.1f} ms   "
            f"p99 {p99 * 1e3:.1f} ms   {failed}",
            "",
            self.paint(f"{'sidecar of':<16}{'configuration':<16}"
                       f"{'memory':<12}ingress -> application", "dim"),
        ]
        for node in NODES:
            ports = state.ports[node]
            lines.append(f"{node:<16}{self.version(state, node):<16}"
                         f"{state.memory.get(node, 0) / 1e6:4.1f} MB     "
                         f"{ADDRESSES[node]}:{ports['app']} -> "
                         f"127.0.0.1:{ports['app']}")
        return lines + [""]

    def branch(self, state, version):
        share = state.window[0].share(version)
        bar = self.bar_sign * round(share * 20)
        return (self.paint(f"{version:<14}", version)
                + f"{state.weight(version):6.0%}{share:9.1%}"
                + f"{state.since.share(version):13.2%}   "
                + self.paint(bar, version))
