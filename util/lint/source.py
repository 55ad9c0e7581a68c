"""What the checks share: the files of the repository, and C as they see it."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def files(*suffixes):
    """Files git knows or would add, relative to the top, that exist."""

    out = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co",
         "--exclude-standard", "-z"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode()

    found = sorted(set(n for n in out.split("\0") if n))
    return [n for n in found
            if n.endswith(suffixes) and os.path.isfile(path(n))]


def path(name):
    return os.path.join(ROOT, name)


def read(name):
    with open(path(name), encoding="utf-8", errors="replace") as f:
        return f.read()


_TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text, strings=True):
    """C without comments (and what is in strings), in the same places."""

    def repl(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s[0] + "x" * (len(s) - 2) + s[0] if strings else s
        if s.startswith("//"):
            return s
        return re.sub(r"[^\n]", " ", s)

    return _TOKEN.sub(repl, text)


class Function:
    """A function definition; lines are counted from 1."""

    def __init__(self, name, start, brace, end, static):
        self.name = name
        self.start = start      # the line of the name
        self.brace = brace      # the line of "{"
        self.end = end          # the line of "}"
        self.static = static    # and not inline
        self.length = end - start + 1


def functions(text):
    """The functions of a file in nginx style: name and braces at column 0."""

    lines = blank(text).split("\n")
    found = []

    for i, line in enumerate(lines):
        m = re.match(r"([a-z_]\w*)\(", line)
        if not m:
            continue

        j = i
        while j < len(lines) and lines[j] != "{":
            if lines[j].endswith(";") or lines[j] == "":
                break
            j += 1
        else:
            end = j
            while end < len(lines) and lines[end] != "}":
                end += 1
            before = lines[i - 1] if i else ""
            found.append(Function(m.group(1), i + 1, j + 1, end + 1,
                                  re.match("static (?!ngx_inline)", before)))

    return found


class Report:
    """Findings, printed as compilers do; the exit status tells the verdict."""

    def __init__(self, what):
        self.what = what
        self.found = 0

    def add(self, name, line, message):
        self.found += 1
        where = "%s:%d" % (name, line) if line else name
        print("%s: %s" % (where, message))

    def done(self, note=""):
        print("lint: %s: %s%s" % (
            self.what, "%d finding(s)" % self.found if self.found else "ok",
            " (%s)" % note if note else ""))
        sys.stdout.flush()
        sys.exit(1 if self.found else 0)


def allowed(which):
    """What util/lint/allow lets pass of one kind: {name: reason}."""

    out = {}
    for line in read("util/lint/allow").split("\n"):
        if line and not line.startswith("#"):
            kind, name, reason = line.split(None, 2)
            if kind == which:
                out[name] = reason
    return out
