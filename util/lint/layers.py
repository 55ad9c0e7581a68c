#!/usr/bin/python3
"""The rules between the rooms of ngx_mesh_module/.

core/ is free of HTTP and stream and does not know the agent; agent/ knows the
core only; the glues do not know each other; what depends on the nginx version
is in one header.
"""

import os
import re

import source

TOP = "ngx_mesh_module/"
COMPAT = TOP + "core/ngx_mesh_compat.h"

# room: the rooms whose headers it may include
ROOMS = {
    "core": ("core",),
    "agent": ("core", "agent"),
    "http": ("core", "agent", "http"),
    "stream": ("core", "agent", "stream"),
    "control": ("core", "control"),
}

# room: headers and names of nginx it does without
FOREIGN_HEADERS = {
    "core": re.compile(r"ngx_(http|stream)\w*\.h$"),
    "agent": re.compile(r"ngx_(http|stream)\w*\.h$"),
    "http": re.compile(r"ngx_stream\w*\.h$"),
    "stream": re.compile(r"ngx_http\w*\.h$"),
}

FOREIGN_NAMES = {
    "core": re.compile(r"\b(ngx_(?:http|stream|mesh_agent)_\w+)"),
    "agent": re.compile(r"\b(ngx_(?:http|stream)_\w+)"),
    "http": re.compile(r"\b(ngx_stream_\w+)"),
    "stream": re.compile(r"\b(ngx_http_\w+)"),
}

VERSION = re.compile(r"\b(nginx_version|NGINX_VERSION)\b")


def check(report, name, room, homes):
    text = source.read(name)
    code = source.blank(text, strings=False).split("\n")
    names = source.blank(text).split("\n")

    for n, line in enumerate(code, 1):
        m = re.match(r'\s*#\s*include\s*[<"]([^>"]+)', line)
        if m:
            header = os.path.basename(m.group(1))
            home = homes.get(header)
            if home and home not in ROOMS.get(room, (room,)):
                report.add(name, n, "%s/ does not include %s/%s"
                           % (room, home, header))
            elif (not home and room in FOREIGN_HEADERS
                    and FOREIGN_HEADERS[room].match(header)):
                report.add(name, n, "%s/ does not include %s" % (room, header))
            continue

        m = room in FOREIGN_NAMES and FOREIGN_NAMES[room].search(names[n - 1])
        if m:
            report.add(name, n, "%s/ does not use %s" % (room, m.group(1)))

        if name != COMPAT and VERSION.search(names[n - 1]):
            report.add(name, n, "depends on the nginx version outside of %s"
                       % COMPAT)


def main():
    report = source.Report("layers")
    files = [n for n in source.files(".c", ".h") if n.startswith(TOP)]

    homes = {}
    for name in files:
        room, _, base = name[len(TOP):].partition("/")
        if base in homes and base.endswith(".h"):
            report.add(name, 0, "a second header of this name")
        homes[base] = room

    for name in files:
        check(report, name, name[len(TOP):].partition("/")[0], homes)

    report.done("%d files" % len(files))


main()
