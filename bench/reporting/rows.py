# SPDX-License-Identifier: MIT
"""What the benches measured, from the files that Google Benchmark writes."""

import dataclasses
import json
import re

PERFORMANCE = [*(f"P{i}" for i in range(1, 15)), "P16", "P17", "P18", "P19"]


@dataclasses.dataclass
class Side:
    name: str
    median: float
    best: float
    ratio: float  # of the log's figure to this one's, the median of the rounds


@dataclasses.dataclass
class Row:
    name: str  # "P1/threads:4"
    bench: str
    what: str
    unit: str
    sides: list
    result: float  # the ratio to the second side, or the value of a lone one
    less_is_better: bool
    bar: float
    reach: float
    notes: dict

    def holds(self, limit):
        return limit is not None and (self.result <= limit if self.less_is_better else self.result >= limit)

    @property
    def performance(self):
        """Its row among PERFORMANCE, or None."""
        word = self.name.split("/")[0]
        return word if word in PERFORMANCE else None

    def number(self, key):
        """4 for "threads" in P1/threads:4."""
        found = re.search(rf"\b{key}:(\d+)", self.name)
        return int(found.group(1)) if found else None


@dataclasses.dataclass
class Measured:
    rows: list
    contexts: dict  # of each bench

    def of(self, word):
        """The rows whose name begins with these words."""
        return [row for row in self.rows if row.name == word or row.name.startswith(word + "/")]


def read_row(bench, benchmark):
    name = re.sub(r"/iterations:\d+(/real_time)?$", "", benchmark["name"])
    what, unit = re.fullmatch(r"(.*) \[(.*)\]", benchmark["label"]).groups()
    order = sorted((place, key[: -len(":side")]) for key, place in benchmark.items() if key.endswith(":side"))
    sides = [
        Side(side, benchmark[f"{side}:median"], benchmark[f"{side}:best"], benchmark.get(f"{side}:ratio", 1.0))
        for _, side in order
    ]
    notes = {key[len("note:"):]: value for key, value in benchmark.items() if key.startswith("note:")}
    return Row(name, bench, what, unit, sides, benchmark["result"], benchmark["better"] < 0, benchmark.get("bar"),
               benchmark.get("reach"), notes)


def read(folder, benches):
    rows = []
    contexts = {}
    for bench in benches:
        path = folder / f"{bench}.json"
        if not path.exists():
            continue
        whole = json.loads(path.read_text())
        contexts[bench] = whole["context"]
        rows += [read_row(bench, benchmark) for benchmark in whole["benchmarks"]]
    return Measured(rows, contexts)
