#!/usr/bin/python3
"""The documentation against the code and against itself.

Every directive (the ngx_command_t tables) and every variable (names that begin
with mesh_ in variable tables) is mentioned in README.md or docs/; relative
links lead to a file, and to a heading where they name one.
"""

import os
import re

import source

CODE = "ngx_mesh_module/"


def tables(text, kind):
    """The bodies of the tables of a type, with the line they begin in."""

    for m in re.finditer(r"\b%s\s+\w+\[\]\s*=\s*\{(.*?)\n\};" % kind, text,
                         re.S):
        yield text[:m.start(1)].count("\n") + 1, m.group(1)


def names(kind, pattern):
    """name: (file, line) of all entries of the tables of a type."""

    found = {}
    for name in source.files(".c"):
        if not name.startswith(CODE):
            continue
        text = source.blank(source.read(name), strings=False)
        for start, body in tables(text, kind):
            for m in re.finditer(pattern, body):
                line = start + body[:m.start()].count("\n")
                found.setdefault(m.group(1), (name, line))
    return found


def slug(heading):
    heading = re.sub(r"[`*]|\[|\]\([^)]*\)", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


def spaces(m):
    return re.sub(r"[^\n]", " ", m.group(0))


def without_blocks(text):
    """Without blocks of code; lines keep their numbers."""

    return re.sub(r"^( *)(```|~~~).*?^ *\2", spaces, text, flags=re.M | re.S)


def anchors(name):
    text = without_blocks(source.read(name))
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    seen = {}
    for m in re.finditer(r"^#+ +(.*)$", text, re.M):
        s = slug(m.group(1))
        n = seen.get(s, 0)
        seen[s] = n + 1
        found.add("%s-%d" % (s, n) if n else s)
    return found


def check_links(report, name):
    text = re.sub(r"`[^`\n]*`", spaces, without_blocks(source.read(name)))
    where = os.path.dirname(name)

    for m in re.finditer(r"\]\(<?([^()\s>]+)>?(?: \"[^\"]*\")?\)",
                         text):
        target, _, anchor = m.group(1).partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", m.group(1)):
            continue

        line = text[:m.start()].count("\n") + 1
        full = os.path.normpath(os.path.join(where, target)) if target \
            else name

        if full.startswith("..") or not os.path.exists(source.path(full)):
            report.add(name, line, "no such file: %s" % target)
        elif anchor and full.endswith(".md") and anchor not in anchors(full):
            report.add(name, line, "no such heading: %s" % m.group(1))


def main():
    report = source.Report("docs")
    pages = source.files(".md")
    guide = [n for n in pages if n == "README.md" or n.startswith("docs/")]
    words = set()
    for name in guide:
        words.update(re.findall(r"\$?\w+", source.read(name)))

    directives = names("ngx_command_t", r'\{\s*ngx_string\("(\w+)"\)')
    variables = names(r"ngx_\w*variable_t", r'ngx_string\("(mesh_\w+)"\)')

    note = "%d directives, %d variables" % (len(directives), len(variables))

    if not guide:
        # before the first page is written
        note += ", no documentation yet"
    else:
        for n, (name, line) in sorted(directives.items()):
            if n not in words:
                report.add(name, line, "directive %s is not documented" % n)
        for n, (name, line) in sorted(variables.items()):
            if "$" + n not in words and n not in words:
                report.add(name, line, "variable $%s is not documented" % n)

    for name in pages:
        check_links(report, name)

    report.done("%s, %d pages" % (note, len(pages)))


main()
