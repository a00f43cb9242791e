#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the library as one header: single_header.py <include folder> <output> [--stubs <folder>]

What each header includes of rewal is put in its place, once; standard and system headers stay includes. The adapters of
zstd and lz4 are there for those who define REWAL_WITH_ZSTD or REWAL_WITH_LZ4 first, also for a second inclusion.
--stubs writes a folder in which each header of the library includes the one header, so that code that includes parts of
it, as the tests do, can be compiled against the one.
"""
import argparse
import pathlib
import re

ENTRIES = ["rewal/fwd.hpp", "rewal/wal.hpp", "rewal/reader.hpp", "rewal/cursor.hpp"]
ADAPTERS = {"rewal/compressor/zstd.hpp": "REWAL_WITH_ZSTD", "rewal/compressor/lz4.hpp": "REWAL_WITH_LZ4"}
INCLUDE = re.compile(r"\s*#\s*include\s*<(rewal/[^>]+)>")
CONDITION = re.compile(r"\s*#\s*(if|ifdef|ifndef|endif)\b(.*)")
# True wherever the library is of use: what stands in there stands there for everyone.
ALWAYS = re.compile(r"^\s*(REWAL_\w+_HPP|REWAL_CXX20)\s*$")


class Joiner:
    """Puts headers into one text. `done` holds those that everyone has passed through by now."""

    def __init__(self, root):
        self.root = root
        self.done = set()

    def text_of(self, header, for_everyone=True):
        if header in self.done:
            return ""
        if for_everyone:
            self.done.add(header)
        lines, conditions = [f"// ---- {header}\n"], []
        for line in (self.root / header).read_text(encoding="utf-8").splitlines(keepends=True):
            if line.startswith("// SPDX-"):
                continue
            if included := INCLUDE.match(line):
                lines.append(self.text_of(included[1], for_everyone and all(conditions)))
                continue
            if condition := CONDITION.match(line):
                if condition[1] == "endif":
                    conditions.pop()
                else:
                    conditions.append(bool(ALWAYS.match(condition[2])))
            lines.append(line)
        if conditions:
            raise SystemExit(f"{header}: a condition without an end")
        return "".join(lines)


def joined(root):
    version = re.search(r'REWAL_VERSION "([^"]+)"', (root / "rewal/version.hpp").read_text(encoding="utf-8"))[1]
    joiner = Joiner(root)
    parts = [
        "// SPDX-" "License-Identifier: MIT\n//\n",
        f"// rewal {version}, an embedded write-ahead log for C++20, in one header: compile with -std=c++20 -pthread.\n",
        "// Made from the headers of include/ by the target single-header; change those.\n",
        "// Define REWAL_WITH_ZSTD or REWAL_WITH_LZ4 before it for the compressors, and link their library.\n",
    ]
    parts += [joiner.text_of(entry) for entry in ENTRIES]
    for adapter, macro in ADAPTERS.items():
        parts += [f"#if defined({macro})\n", joiner.text_of(adapter, for_everyone=False), f"#endif  // {macro}\n"]
    return "".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("include", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--stubs", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(joined(arguments.include), encoding="utf-8")
    if arguments.stubs is None:
        return
    for path in sorted(arguments.include.rglob("*.hpp")):
        header = path.relative_to(arguments.include)
        stub = arguments.stubs / header
        stub.parent.mkdir(parents=True, exist_ok=True)
        wanted = ADAPTERS.get(header.as_posix())
        stub.write_text((f"#define {wanted}\n" if wanted else "") + f'#include "{arguments.output.resolve()}"\n', encoding="utf-8")


if __name__ == "__main__":
    main()
