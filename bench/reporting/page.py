# SPDX-License-Identifier: MIT
"""The report as a page of Markdown."""

import datetime
import pathlib
import subprocess

import plots

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

SHORT = {
    "P1": "append by 1, 2, 4, 8 threads, flush included; `write` in pieces of 64 KiB",
    "P2": "append in bursts into a queue with room; one copy-and-checksum",
    "P3": "batch of 100, flush included; one `write`",
    "P4": "append and flush; one `write`",
    "P5": "durable append, one thread; `write` and `fdatasync` into reserved space",
    "P6": "durable appends a second by 8, 32 threads; leader group commit. Events an fsync covers; threads",
    "P7": "recovery of 1M events at open; one checksum pass",
    "P8": "replay, borrowed iterator over 1M events; one checksum pass",
    "P9": "CRC-32C of {bytes} bytes, in bytes a second; one stream of the CRC instruction",
    "P10": "iterator near the end of 1M events; opening and mapping the file",
    "P11": "heap allocations of {kind}",
    "P12": "wake-ups of an idle log in a second, by sync mode {kind}",
    "P13": "compiling the header; the standard headers it needs",
    "P14": "slowdown from 1 MB to 1 GB; index of 1 GB, MiB",
    "P16": "an event seen by a follower that waits for written, for durable ones, p50 and p99 of each; a futex hand-off. "
           "Time of an event of producers whom somebody follows; whom nobody does",
    "P17": "durable events a second by one producer whom `on_durable` tells; its appends alone, flush included",
    "P18": "copy of a live log of 1 GB; `cp` and an fsync of what it wrote",
    "P19": "`walctl verify` of 1.7 GB, two threads; one checksum pass",
}


def figure(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(head, lines):
    ruler = ["---"] * len(head)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ruler, *lines]) + "\n"


def verdict(row):
    if row.bar is None:
        return ""
    return "yes, reached" if row.holds(row.reach) else "yes" if row.holds(row.bar) else "**no**"


def two_figures(side):
    return f"{figure(side.median)} ({figure(side.best)})" if side else ""


def side(row, place):
    return two_figures(row.sides[place] if place < len(row.sides) else None)


def with_bars(rows):
    head = ["row", "bench", "work; what it stands beside", "unit", "log: median (best)", "beside: median (best)", "bar",
            "reach", "result", "met"]
    lines = []
    for row in rows:
        sign = "at most" if row.less_is_better else "at least"
        lines.append([row.name, row.bench, row.what, row.unit, side(row, 0), side(row, 1), f"{sign} {figure(row.bar)}",
                      figure(row.reach), figure(row.result), verdict(row)])
    return table(head, lines)


def in_short(rows):
    """A line for each of SHORT."""
    lines = []
    for word, what in SHORT.items():
        its = sorted((row for row in rows if row.performance == word), key=lambda row: "covered" in row.name)
        if not its:
            continue
        what = what.format(bytes=", ".join(str(row.number("bytes")) for row in its),
                           kind=", ".join(row.name.split("/")[-1] for row in its))
        sign = "at most" if its[0].less_is_better else "at least"
        met = sum(row.holds(row.bar) for row in its)
        lines.append([word, what, ", ".join(figure(row.result) for row in its),
                      f"{sign} " + ", ".join(dict.fromkeys(figure(row.bar) for row in its)),
                      "yes" if met == len(its) else f"**{met} of {len(its)}**" if met else "**no**"])
    return table(["", "128 B; what it stands beside", "ratio or number", "bar", "met"], lines)


def without_bars(rows):
    head = ["row", "work; what it stands beside", "unit", "log: median (best)", "beside: median (best)", "ratio"]
    return table(head, [[row.name, row.what, row.unit, side(row, 0), side(row, 1), figure(row.result)] for row in rows])


def all_sides(rows, key):
    """A column for each row's number, a line for each side."""
    names = [side.name for side in max(rows, key=lambda row: len(row.sides)).sides]
    cell = {(side.name, row.name): side for row in rows for side in row.sides}
    lines = [[plots.NAMES.get(name, name), *(two_figures(cell.get((name, row.name))) for row in rows)]
             for name in names]
    return table([f"{key}, {rows[0].unit}: median (best)", *(str(row.number(key)) for row in rows)], lines)


def percentiles(rows):
    lines = [[title, *(figure(value) for _, value in points)] for title, points in plots.percentiles(rows)]
    return table(["ns a call", *plots.PERCENTILES], lines)


def machine(measured):
    contexts = list(measured.contexts.values())
    facts = ["processor", "cores", "memory", "system", "file system", "compiler", "flags", "checksums"]
    lines = [[fact, " / ".join(sorted({context[fact] for context in contexts}))] for fact in facts]
    lines.append(["round trip", ", ".join(f"{bench}: {context['round trip'].split(' for ')[0]}"
                                          for bench, context in measured.contexts.items())])
    text = table(["", ""], lines)
    text += "\nThe round trip is that of a cache line between two processors, taken as each program begins.\n"
    for warning in sorted({word for context in contexts for word in context["warnings"].split("; ") if word}):
        told_by = [bench for bench, context in measured.contexts.items() if warning in context["warnings"]]
        text += f"\nWARNING ({', '.join(told_by)}): {warning}.\n"
    return text


def summary(measured):
    judged = [row for row in measured.rows if row.performance and row.bar is not None]
    met = sum(row.holds(row.bar) for row in judged)
    reached = sum(row.holds(row.reach) for row in judged if row.reach is not None)
    return f"{met} of {len(judged)} bars met, {reached} of {sum(row.reach is not None for row in judged)} reached for"


def commit():
    try:
        asked = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                               capture_output=True, text=True)
    except FileNotFoundError:
        return "an unknown commit"
    return "commit " + asked.stdout.strip() if asked.returncode == 0 else "an unknown commit"


def write(measured, drawn, missing, failures, given):
    how = "--quick" if given.quick else f"--rounds={given.rounds}"

    def section(title, text, benches, drawing=None):
        commands = ", ".join(f"`bench_{bench} {how}`" for bench in benches)
        picture = f"\n![{drawn[drawing]}]({drawing}.svg)\n" if drawing in drawn else ""
        return f"\n## {title}\n\n{commands}\n\n{text}{picture}"

    performance = [row for row in measured.rows if row.performance and row.bar is not None]
    text = (f"# What the benches found\n\n{datetime.date.today().isoformat()}, {commit()}, by "
            f"`cmake --build BUILD --target bench-report`. All sides of a row do the same work in turn, in one run; "
            f"figures are medians of the rounds, the best round in brackets; a result is the median of the rounds' "
            f"ratios.\n\n")
    if given.quick:
        text += "**A quick run: these figures mean nothing.**\n\n"
    for bench, why in failures.items():
        text += f"**bench_{bench} {why}**\n\n"
    if missing:
        text += f"**Not measured: {', '.join(missing)}**\n\n"
    text += machine(measured)
    if performance:
        benches = dict.fromkeys(row.bench for row in performance)
        tables = in_short(performance) + "\n" + with_bars(performance)
        text += section("P1 to P19", f"{summary(measured)}.\n\n{tables}", benches)
    others = [
        ("Batches", ["P3", "batch"], without_bars, "batch", None),
        ("Large events", ["large"], lambda rows: all_sides(rows, "KiB"), "large", None),
        ("Contention", ["contention"], without_bars, "append", None),
        ("Bursts", ["P2", "burst"], without_bars, "latency", None),
        ("Latency", ["latency"], percentiles, "latency", "latency"),
        ("Checksums", ["P9"], lambda rows: all_sides(rows, "bytes"), "crc", "crc"),
        ("Checksums in a row, and copies", ["crc"], without_bars, "crc", None),
        ("Commits by other numbers of threads", ["commit"], without_bars, "commit", None),
        ("Reading", ["P8", "reading"], without_bars, "reading", None),
        ("Seeking", ["P10", "seek"], without_bars, "seek", None),
        ("Peers, not durable", ["peers/append"], lambda rows: all_sides(rows, "threads"), "peers", "append"),
        ("Peers, durable", ["peers/durable"], lambda rows: all_sides(rows, "threads"), "peers", "commits"),
    ]
    for title, words, write_table, bench, drawing in others:
        rows = [row for word in words for row in measured.of(word)]
        if rows:
            text += section(title, write_table(rows), [bench], drawing)
    return text
