# SPDX-License-Identifier: MIT
"""What became of each change: a file that only grows, the list of equivalents, and the summary by folder."""

import collections
import json
import re

VERDICTS = ("killed", "timed out", "equivalent", "survived", "never reached")


class Results:
    def __init__(self, path):
        self.path = path
        self.of_key = {}
        if path.is_file():
            for line in path.read_text().splitlines():
                if line.endswith("}"):  # the last one may be half written
                    row = json.loads(line)
                    self.of_key[row["key"]] = row

    def add(self, change, verdict, how, case):
        row = {"key": change.key, "verdict": verdict, "how": how, "case": case}
        self.of_key[change.key] = row
        with open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")


class Equivalents:
    """Lines as: header: `original` -> `changed` in `line of the header`: reason; the line may be left out, and then the
    entry is for all such changes of the header."""

    def __init__(self, path, include):
        self.include, self.lines_of = include, {}
        self.entries = set()  # (header, original, changed, the line or None)
        for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], 1):
            if not line.strip() or line.startswith("#"):
                continue
            parts = re.fullmatch(r"(\S+): `(.*?)` -> `(.*?)`(?: in `(.*)`)?: (.+)", line)
            if not parts:
                raise SystemExit(f"{path.name}:{number}: not of the form: header: `original` -> `changed`: reason")
            self.entries.add(parts.groups()[:4])

    def __contains__(self, change):
        if change.header not in self.lines_of:
            self.lines_of[change.header] = (self.include / "rewal" / change.header).read_text().splitlines()
        line = self.lines_of[change.header][change.line - 1].strip()
        return any((change.header, change.original, change.changed, where) in self.entries for where in (None, line))


def verdict_of(change, results, equivalents):
    """None where it was not tried."""
    row = results.of_key.get(change.key)
    if row and row["verdict"] == "survived" and change in equivalents:
        return "equivalent"
    return row["verdict"] if row else None


def folder_of(change):
    return change.header.split("/")[0] if "/" in change.header else "(words)"


def summary(changes, results, equivalents):
    """Lines of a table: a folder, what was made and tried of it, and what became of that."""
    made, counts = collections.Counter(), collections.defaultdict(collections.Counter)
    for change in changes:
        verdict = verdict_of(change, results, equivalents)
        for folder in (folder_of(change), "all"):
            made[folder] += 1
            if verdict:
                counts[folder]["tried"] += 1
                counts[folder][verdict] += 1
    columns = ("tried", *VERDICTS)
    lines = [f"{'folder':12} {'made':>6} " + " ".join(f"{column:>13}" for column in columns)]
    for folder in sorted(made, key=lambda name: (name == "all", name)):
        lines.append(f"{folder:12} {made[folder]:6} " + " ".join(f"{counts[folder][c]:13}" for c in columns))
    return lines


def survivors(changes, results, equivalents):
    return [change for change in changes if verdict_of(change, results, equivalents) == "survived"]


def described(change):
    changed = change.changed if change.form != "statement" else "nothing"
    return f"include/rewal/{change.header}:{change.line}: {change.operator}: {change.original} -> {changed}"
