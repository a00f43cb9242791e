# SPDX-License-Identifier: MIT
"""The plots of the report, drawn by gnuplot: one file of SVG each."""

import shutil
import subprocess

NAMES = {"rewal": "rewal", "leader": "plain calls", "raw": "write of each frame",
         "async_logger": "asynchronous logger", "RocksDB_WAL": "RocksDB, WAL alone", "SQLite_WAL": "SQLite, WAL mode"}
PERCENTILES = ["p50", "p90", "p99", "p99.9", "max"]


def by_number(rows, key):
    """A line for each side: pairs of the number in the row's name and the side's median."""
    lines = {}
    for row in rows:
        for side in row.sides:
            lines.setdefault(side.name, []).append((row.number(key), side.median))
    return [(NAMES.get(name, name), points) for name, points in lines.items()]


def percentiles(rows):
    lines = []
    for row in rows:
        kind = row.name.split("/")[1]
        for side in row.sides:
            points = [(i, row.notes.get(f"{side.name}:{percentile}")) for i, percentile in enumerate(PERCENTILES)]
            if side.name != "clock" and points[0][1] is not None:
                threads = row.number("threads")
                title = f"{kind}, {threads} thread{'s' if threads > 1 else ''}: {NAMES.get(side.name, side.name)}"
                lines.append((title, points))
    return lines


def kernels(measured):
    chosen = measured.contexts.get("crc", {}).get("checksums", "")
    lines = by_number(measured.of("P9"), "bytes")
    return [(f"{name} ({chosen})" if name == "rewal" and chosen else name, points) for name, points in lines]


def script(lines, title, axes, path):
    """For gnuplot; the log's own lines are thick."""
    text = ['set terminal svg size 760,440 font "sans-serif,13" background "white"', f'set output "{path}"',
            f'set title "{title}"', "set key outside right top", "set grid", "set tics nomirror", *axes]
    for i, (_, points) in enumerate(lines):
        text += [f"$line{i} << EOD", *(f"{x} {y:.6g}" for x, y in points), "EOD"]
    drawn = [
        f'$line{i} using 1:2 with linespoints pointtype {i % 7 + 4} linecolor {i + 1} '
        f'linewidth {3 if "rewal" in name else 1.5} title "{name}"'
        for i, (name, _) in enumerate(lines)
    ]
    return "\n".join([*text, "plot " + ", \\\n  ".join(drawn), ""])


def draw(measured, out):
    """The files drawn, each with its title."""
    if not shutil.which("gnuplot"):
        print("gnuplot is not installed: the report has no plots")
        return {}
    ticks = ", ".join(f'"{name}" {i}' for i, name in enumerate(PERCENTILES))
    calls = percentiles(measured.of("latency/append") + measured.of("latency/durable"))
    sizes = ", ".join(f'"{2 ** i if i < 10 else f"{2 ** (i - 10)} Ki"}" {2 ** i}' for i in range(4, 21, 2))
    threads = ["set xlabel 'threads'", "set logscale x 2", "set logscale y"]
    wanted = {
        "append": ("append of 128 bytes, not durable", by_number(measured.of("peers/append"), "threads"),
                   [*threads, "set ylabel 'ns an append'"]),
        "commits": ("durable append of 128 bytes", by_number(measured.of("peers/durable"), "threads"),
                    [*threads, "set ylabel 'commits a second'"]),
        "latency": ("time that one call takes", calls,
                    ["set logscale y", "set ylabel 'ns'", f"set xtics ({ticks})", "set xrange [-0.2:4.2]",
                     "set format y '10^{%L}'"]),
        "crc": ("CRC-32C", kernels(measured),
                ["set logscale x 2", "set xlabel 'bytes'", "set ylabel 'GB/s'", "set yrange [0:*]",
                 "set key inside left top", f"set xtics ({sizes})"]),
    }
    drawn = {}
    for name, (title, lines, axes) in wanted.items():
        path = out / f"{name}.svg"
        path.unlink(missing_ok=True)
        if lines:
            subprocess.run(["gnuplot"], input=script(lines, title, axes, path), text=True, check=True)
            drawn[name] = title
    return drawn
