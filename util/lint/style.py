#!/usr/bin/python3
"""nginx's code style, as far as a script can see it.

usage: style.py [FILE]...    (default: all sources of the repository)
"""

import re
import sys

import source

WIDTH = 80              # of C
WIDTH_SCRIPT = 100      # of everything else that is code

C = (".c", ".h")
SCRIPTS = (".sh", ".py", ".pm")

LIBC = re.compile(
    r"(?<![\w.>])(mem(?:set|cpy|move|cmp)|str(?:len|cmp|ncmp|casecmp|"
    r"ncasecmp|chr|str|cpy|ncpy|cat|dup|tol|toul)|v?s?n?printf|fprintf|puts|"
    r"malloc|calloc|realloc|free|atoi|assert|abort|exit)\s*\(")

# (pattern, message): on a line without comments and strings
LINE_RULES = [
    (re.compile(r"//"), "C++ comment"),
    (re.compile(r"\b(if|for|while|switch|return)\("), "no space before \"(\""),
    (re.compile(r"\bsizeof \("), "space after \"sizeof\""),
    (re.compile(r"\)\{"), "no space before \"{\""),
    (re.compile(r"\bfor \(;;\)"), "an endless loop is \"for ( ;; )\""),
    (re.compile(r"\S (&&|\|\|)$"), "the operator leads the next line"),
    (re.compile(r"\w \*\)[A-Za-z_(&]"), "no space after a cast"),
    (re.compile(r"\S,[^\s\"'\\)]"), "no space after a comma"),
    (re.compile(r";\s*;\s*$"), "empty statement"),
    (re.compile(r"\bNULL (==|!=) "), "NULL is on the right of a comparison"),
    (re.compile(r"^(?!#).*\b0x[0-9a-f]*[A-F]"), "upper-case hexadecimal"),
    (re.compile(r"\bbool\b"), "nginx has ngx_flag_t and bit fields"),
]

def check_text(report, name, text, width):
    lines = text.split("\n")

    for n, line in enumerate(lines, 1):
        if width and len(line) > width:
            report.add(name, n, "%d columns, at most %d" % (len(line), width))
        if "\t" in line and not name.endswith("Makefile"):
            report.add(name, n, "tab")
        if line != line.rstrip():
            report.add(name, n, "trailing blank")

    if text and not text.endswith("\n"):
        report.add(name, len(lines), "no newline at the end of the file")
    if text.endswith("\n\n"):
        report.add(name, len(lines), "blank line at the end of the file")


def check_lines(report, name, text):
    code = source.blank(text).split("\n")

    for n, line in enumerate(code, 1):
        line = line.rstrip()
        for pattern, message in LINE_RULES:
            if pattern.search(line):
                report.add(name, n, message)

        m = LIBC.search(line)
        if m and not name.startswith(("t/", "util/")):
            report.add(name, n, "%s(): nginx has its own" % m.group(1))

        if (line.lstrip().startswith("} else") and n > 1
                and code[n - 2].strip() != ""):
            report.add(name, n, "no blank line before \"} else\"")


def check_blank_lines(report, name, text):
    lines = text.split("\n")

    if lines[0] != "":
        report.add(name, 1, "the first line is blank in nginx's files")

    run = 0
    for n, line in enumerate(lines, 1):
        run = run + 1 if line == "" else 0
        if run == 3:
            report.add(name, n, "more than two blank lines")


def check_functions(report, name, text):
    lines = text.split("\n")
    code = source.blank(text)

    for n, line in enumerate(code.split("\n"), 1):
        if re.match(r"[a-z].*\)\s*\{$", line):
            report.add(name, n, "the opening brace stands on its own line")

    for f in source.functions(text):
        top = f.start - 2
        while top > 0 and lines[top] != "":
            top -= 1

        # what precedes may be the function's comment, or an #if around it
        before = lines[top - 1]
        gap = before == "" or before.endswith("*/") or before.startswith("#")
        if not gap and not lines[top + 1].startswith(("#", "{")):
            report.add(name, f.start, "no two blank lines before the function")

        if f.static and not name.startswith("t/unit/"):
            proto = re.search(r"^static [^;{}=]*\b%s\(" % f.name, code, re.M)
            if code[:proto.start()].count("\n") == f.start - 2:
                report.add(name, f.start, "no prototype of %s()" % f.name)

        check_locals(report, name, lines, f)


_LOCAL = re.compile(
    r"    ((?:static |const |volatile |struct |unsigned )*\w+)\s+(\**\w+)"
    r"[^()]*(?:[;,={]|\[.*|\(.*)$")


def check_locals(report, name, lines, f):
    """The first block after "{": names in one column, short types first;
    arrays may stand last."""

    rows = []
    for n in range(f.brace, f.end):
        m = _LOCAL.match(lines[n])
        if not m or m.group(1) in ("return", "goto"):
            break
        stars = len(m.group(2)) - len(m.group(2).lstrip("*"))
        rows.append((n + 1, m.group(1), m.start(2) + stars,
                     "[" in lines[n]))

    last = 0
    for n, kind, column, array in rows:
        if column != rows[0][2]:
            report.add(name, n, "the names of locals are not in one column")
            break
        if len(kind) < last and not array:
            report.add(name, n, "a local of a shorter type after a longer one")
            break
        last = max(last, len(kind))


def main():
    report = source.Report("style")
    names = sys.argv[1:]
    everything = not names
    if everything:
        names = source.files("")

    checked = 0
    for name in names:
        text = source.read(name)
        first = text.split("\n", 1)[0]

        if name.endswith(C):
            check_text(report, name, text, WIDTH)
            check_lines(report, name, text)
            check_blank_lines(report, name, text)
            check_functions(report, name, text)

        elif name.endswith(SCRIPTS) or first.startswith("#!"):
            check_text(report, name, text, WIDTH_SCRIPT)

        elif name in ("config", "t/unit/config", "Makefile"):
            check_text(report, name, text, WIDTH)

        elif name.endswith((".md", ".conf")) or name.startswith("conf/"):
            check_text(report, name, text, 0)

        else:
            continue

        checked += 1

    report.done("%d files" % checked)


main()
