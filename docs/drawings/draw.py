#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws the pictures of the documentation: draw.py [FOLDER]. Light or dark, as the reader's system is."""
import pathlib
import sys
from xml.sax.saxutils import escape

STYLE = """
  svg { color-scheme: light dark; }
  text { font: 14px system-ui, sans-serif; fill: #1c2733; }
  .small { font-size: 12px; fill: #52606d; }
  .mono { font: 13px ui-monospace, monospace; }
  .box { fill: #eef4fb; stroke: #5b7ea6; } .good { fill: #e4f5e9; stroke: #3f8f58; }
  .bad { fill: #fdeaea; stroke: #b3494b; } .plain { fill: #f4f5f7; stroke: #9aa5b1; }
  .line { stroke: #52606d; stroke-width: 1.4; fill: none; } .head { fill: #52606d; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb; } .small { fill: #9fb0c0; }
    .box { fill: #1f2f42; stroke: #6f9bcb; } .good { fill: #1c3526; stroke: #5fb37b; }
    .bad { fill: #412224; stroke: #d4787a; } .plain { fill: #2a2f36; stroke: #6b7785; }
    .line { stroke: #9fb0c0; } .head { fill: #9fb0c0; }
  }
"""


class Drawing:
    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
            f"<title>{escape(title)}</title><style>{STYLE}</style>",
            '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            '<path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        ]

    def box(self, x, y, width, height, *lines, kind="box"):
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="5"/>')
        top = y + height / 2 - 9 * (len(lines) - 1)
        for number, line in enumerate(lines):
            small = ' class="small"' if number else ""
            self.parts.append(
                f'<text{small} x="{x + width / 2}" y="{top + 18 * number + 5}" text-anchor="middle">{escape(line)}</text>')

    def text(self, x, y, words, kind="small", anchor="start"):
        self.parts.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>')

    def arrow(self, *points):
        path = " L".join(f"{x} {y}" for x, y in points)
        self.parts.append(f'<path class="line" d="M{path}" marker-end="url(#end)"/>')

    def done(self):
        return "\n".join(self.parts + ["</svg>\n"])


def life():
    d = Drawing(860, 250, "The life of an event: appended, written, durable, read")
    d.text(10, 24, "your threads", "")
    for number in range(3):
        d.box(10, 36 + 46 * number, 120, 36, "append")
        d.arrow((130, 54 + 46 * number), (196, 100))
    d.box(200, 64, 170, 72, "queue in memory", "a place and an LSN each")
    d.arrow((370, 100), (436, 100))
    d.text(403, 90, "write", anchor="middle")
    d.box(440, 64, 170, 72, "file, in the system", "last_lsn")
    d.arrow((610, 100), (676, 100))
    d.text(643, 90, "fsync", anchor="middle")
    d.box(680, 64, 170, 72, "file, on the disk", "durable_lsn", kind="good")
    d.text(285, 160, "lost with the process", anchor="middle")
    d.text(525, 160, "survives the process", anchor="middle")
    d.text(765, 160, "survives a power loss", anchor="middle")
    d.arrow((525, 172), (525, 204))
    d.box(440, 206, 170, 36, "replay, iterator", kind="plain")
    d.arrow((765, 172), (765, 204))
    d.box(680, 206, 170, 36, "follow, on_durable", kind="plain")
    d.text(10, 216, "flush waits for the write,")
    d.text(10, 234, "wait_durable for the fsync")
    return d.done()


def group_commit():
    d = Drawing(860, 230, "Group commit: those who come while an fsync runs are served by the next")
    d.text(10, 24, "threads", "")
    d.text(10, 190, "disk", "")
    starts = [(70, 1), (110, 2), (170, 2), (230, 2), (300, 2), (440, 3), (540, 3)]
    ends = {1: 330, 2: 590, 3: 840}
    begins = {1: 90, 2: 350, 3: 610}
    for row, (start, group) in enumerate(starts):
        y = 36 + 18 * row
        kind = {1: "box", 2: "good", 3: "plain"}[group]
        d.parts.append(f'<rect class="{kind}" x="{start}" y="{y}" width="{ends[group] - start}" height="13" rx="3"/>')
    for group in begins:
        count = sum(1 for _, g in starts if g == group)
        d.box(begins[group], 172, ends[group] - begins[group], 34, f"write, fsync: {count} event" + ("s" if count > 1 else ""),
              kind={1: "box", 2: "good", 3: "plain"}[group])
    d.text(90, 224, "time: a bar begins with append_durable and ends when it returns")
    return d.done()


def verdict():
    d = Drawing(860, 330, "What opening a log finds, and what it does")
    d.box(10, 20, 250, 44, "check every frame from the start")
    rows = [
        ("all frames are good", "or only zeros follow", "open", "good"),
        ("no such log", "other bytes at the beginning", "invalid_record, untouched", "bad"),
        ("a bad frame, and nothing proves", "that it was acknowledged: a tear", "cut (saved first if whole), open", "good"),
        ("a bad frame, and a later one says", "an fsync had covered it: damage", "corrupted, untouched", "bad"),
    ]
    for number, (first, second, what, kind) in enumerate(rows):
        y = 84 + 60 * number
        d.arrow((30, 64), (30, y + 22), (56, y + 22))
        d.box(60, y, 330, 46, first, second, kind="plain")
        d.arrow((390, y + 22), (446, y + 22))
        d.box(450, y, 280, 46, what, kind=kind)
    d.text(740, 108, "any policy")
    d.text(740, 168, "any policy")
    d.text(740, 220, "strict: corrupted,")
    d.text(740, 236, "untouched")
    d.text(740, 280, "truncate: cut,")
    d.text(740, 296, "saved first")
    return d.done()


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for name, drawing in (("life", life), ("group-commit", group_commit), ("verdict", verdict)):
        (folder / f"{name}.svg").write_text(drawing(), encoding="utf-8")


if __name__ == "__main__":
    main()
