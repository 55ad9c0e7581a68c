#!/usr/bin/python3
"""The budget of function and file lengths, and how long they are now.

Longer ones (parsers, tables) are named in util/lint/allow with the reason.
"""

import source

FUNCTION = 100
FILE = 950              # "about 900"

AIM_MEDIAN = 25
AIM_P90 = 60


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, len(values) * p // 100)]


def main():
    report = source.Report("lengths")
    long_functions = source.allowed("function")
    long_files = source.allowed("file")

    lengths = []
    for name in source.files(".c", ".h"):
        text = source.read(name)

        n = text.count("\n")
        if n > FILE and name not in long_files:
            report.add(name, 0, "%d lines, at most %d" % (n, FILE))

        for f in source.functions(text):
            if name.startswith("ngx_mesh_module/"):
                lengths.append(f.length)
            if f.length > FUNCTION and f.name not in long_functions:
                report.add(name, f.start, "%s() has %d lines, at most %d"
                           % (f.name, f.length, FUNCTION))

    note = "no functions"
    if lengths:
        note = "%d functions: median %d (aim %d), p90 %d (aim %d), max %d" % (
            len(lengths), percentile(lengths, 50), AIM_MEDIAN,
            percentile(lengths, 90), AIM_P90, max(lengths))

    report.done(note)


main()
