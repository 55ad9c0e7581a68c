#!/usr/bin/python3
"""The list of metrics in docs/metrics.md against the table in the code.

Every output is made of ngx_mesh_stats_table.c, and so is the list.  With
--write the list in the page is written anew.
"""

import re
import sys

import source

TABLE = "ngx_mesh_module/core/ngx_mesh_stats_table.c"
PAGE = "docs/metrics.md"
BEGIN = "<!-- begin of the list, by util/lint/metrics.py --write -->\n"
END = "<!-- end of the list -->\n"

TYPES = {"C": "counter", "G": "gauge", "H": "histogram"}

TITLES = {
    "appmesh": "App Mesh's metrics extension",
    "cluster": "Clusters: what is sent to a node",
    "cluster_manager": "Clusters of the document",
    "control_plane": "The control plane",
    "http": "Requests of clients",
    "listener": "Connections of clients",
    "listener_manager": "Listeners",
    "nginx_mesh": "Of nginx mesh",
    "nginx_mesh.build": "The build",
    "nginx_mesh.config": "The document in force",
    "nginx_mesh.target": "Targets of routes",
    "server": "The process",
}


def strings(text):
    """The arguments of an initializer; strings that follow are joined."""

    found = []
    for part in re.findall(r'((?:"(?:[^"\\]|\\.)*"\s*)+|\w+)', text):
        if part.startswith('"'):
            found.append("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part)))
        else:
            found.append(None if part.strip() == "NULL" else part.strip())
    return found


def read():
    """[(prefix, vendor, labels, tag, [(type, name, text, tag, help)])]"""

    text = source.read(TABLE)
    tables = {}

    for m in re.finditer(r"static ngx_mesh_stat_t  (\w+)\[\] = \{(.*?)\n\};",
                         text, re.S):
        rows = re.findall(r"\{ (NGX_MESH_\w+,.*?) \},\n", m.group(2), re.S)
        tables[m.group(1)] = [strings(r)[1:] for r in rows]

    sets = []
    body = re.search(r"ngx_mesh_stats_sets\[NGX_MESH_STATS_SETS\] = \{(.*)\n\};",
                     text, re.S).group(1)

    for m in re.finditer(r'\{ ("[^"]*"), ("[^"]*"),\s*\{([^}]*)\},\s*'
                         r'([^,]+),\s*(\w+) \}', body):
        sets.append((m.group(1)[1:-1], m.group(2)[1:-1],
                     [s for s in strings(m.group(3)) if s],
                     strings(m.group(4))[0], tables[m.group(5)]))
    return sets


def prometheus(prefix, vendor, name):
    text = "%s.%s" % (prefix, name)
    if vendor:
        text = vendor + "." + text
    return text.replace(".", "_")


def rows(prefix, vendor, labels, stats):
    """Lines of a table; statistics that differ by a label share one."""

    lines = []
    where = ".".join([prefix] + ["*"] * len(labels))
    seen = {}

    for kind, name, text, _, help_ in stats:
        if name in seen:
            cells = lines[seen[name]].split(" | ")
            cells[1] += ", `%s`" % text
            lines[seen[name]] = " | ".join(cells)
            continue

        seen[name] = len(lines)
        lines.append("| `%s` | `%s.%s` | %s | %s |" % (
            prometheus(prefix, vendor, name), where, text or name,
            TYPES[kind], help_))

    return lines


def page():
    tables = {}

    for prefix, vendor, labels, tag, stats in read():
        head = ", ".join("`%s`" % x.replace(".", "_")
                         for x in labels + [tag] if x)
        table = tables.setdefault(TITLES[prefix], {}).setdefault(head, [])
        table += rows(prefix, vendor, labels, stats)

    text = ""
    for title, parts in tables.items():
        text += "### %s\n\n" % title
        for head, lines in parts.items():
            if head:
                text += "Labels: %s.\n\n" % head
            text += "\n".join(["| Metric | Text | Kind | Means |",
                               "| --- | --- | --- | --- |"] + lines) + "\n\n"

    return text.rstrip("\n") + "\n"


def main():
    text = source.read(PAGE)
    begin, rest = text.split(BEGIN)
    old, end = rest.split(END)
    new = "\n" + page() + "\n"

    if "--write" in sys.argv:
        with open(source.path(PAGE), "w") as f:
            f.write(begin + BEGIN + new + END + end)
        return

    report = source.Report("metrics")
    if old != new:
        line = begin.count("\n") + 1
        for i, (a, b) in enumerate(zip(old.split("\n"), new.split("\n"))):
            if a != b:
                line += i + 1
                break
        report.add(PAGE, line, "the list is not that of %s, run "
                   "util/lint/metrics.py --write" % TABLE)
    report.done("%d metrics" % len(re.findall(r"^\| `", new, re.M)))


if __name__ == "__main__":
    main()
