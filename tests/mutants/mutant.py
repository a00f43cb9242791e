# SPDX-License-Identifier: MIT
"""A mutant: one planted bug, as a file of planted/ says it, and the sources with the bug in them.

    bug:        what is wrong, in one line
    guarantee:  G9, the one that it breaks
    test:       tests/torture/failed_fsync_test.cpp
    case:       an fsync that fails is never turned into an acknowledgement
    sanitizer:  address or thread; only where the test cannot see the bug without
    header:     rewal/commit/writer.hpp
    old:
        the text as it stands in the header
    new:
        the text that takes its place

Header, old and new may come several times. A header is a file below include/, or one of walctl, walctl/exit_code.hpp or
walctl/commands/verify.cpp, below examples/. The old text must stand in the header exactly once; how it is broken into
lines and indented does not matter. A mutant that does not fit any more is an error, never skipped.
"""

import pathlib
import re


class Misfit(Exception):
    """The mutant does not fit the sources."""


class Mutant:
    def __init__(self, path):
        self.name = path.stem
        self.fields = {"sanitizer": ""}
        self.replacements = []  # [header, old, new]
        self._read(path.read_text())

    def __getattr__(self, field):
        try:
            return self.fields[field]
        except KeyError:
            raise AttributeError(field) from None

    def _read(self, text):
        header, block = None, None
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith(" "):
                if block is None:
                    raise Misfit(f"line {number}: text outside old and new")
                self.replacements[-1][block] += line.rstrip() + "\n"
                continue
            key, _, value = line.partition(":")
            value, block = value.strip(), None
            if key == "header":
                header = value
            elif key == "old":
                self.replacements.append([header, "", ""])
                block = 1
            elif key == "new":
                block = 2
            else:
                self.fields[key] = value
        missing = {"bug", "guarantee", "test", "case"} - self.fields.keys()
        unknown = self.fields.keys() - {"bug", "guarantee", "test", "case", "sanitizer"}
        if missing or unknown:
            raise Misfit(f"fields missing: {sorted(missing)}, unknown: {sorted(unknown)}")
        if not self.replacements or any(not header or not old.strip() for header, old, _ in self.replacements):
            raise Misfit("a header and an old text are needed")

    @property
    def is_played(self):
        """Whether the test plays interleavings: many in all, and any one that fails is enough."""
        return self.test.startswith("tests/interleavings/")

    @staticmethod
    def source_of(root, header):
        """The file that is meant."""
        return root / ("examples" if header.startswith("walctl/") else "include") / header

    @property
    def variant(self):
        """How the test is compiled."""
        return self.sanitizer or ("optimised" if self.is_played else "plain")

    def check(self, root):
        """Raises Misfit unless the named test is there and every old text stands where it should."""
        source = root / self.test
        if not source.is_file():
            raise Misfit(f"there is no {self.test}")
        if f'TEST_CASE("{self.case}"' not in source.read_text():
            raise Misfit(f'{self.test} has no case "{self.case}"')
        self.mutated(root)

    def filter(self, root):
        """The named case as Catch2 is asked for it; a case that is a template has one name for each type."""
        name = re.sub(r"([\\,\[\]*\"])", r"\\\1", self.case)
        is_template = f'TEMPLATE_TEST_CASE("{self.case}"' in (root / self.test).read_text()
        return name + (" - *" if is_template else "")

    def mutated(self, root):
        """{header: its text with the bug in it}"""
        texts = {}
        for header, old, new in self.replacements:
            path = self.source_of(root, header)
            if not path.is_file():
                raise Misfit(f"there is no {path.relative_to(root)}")
            text = texts.get(header) or path.read_text()
            found = list(re.finditer(r"\s+".join(map(re.escape, old.split())), text))
            if len(found) != 1:
                first = " ".join(old.split())[:60]
                raise Misfit(f"{header} has {len(found)} times, and should have once: {first} ...")
            begin, end = found[0].span()
            texts[header] = text[:begin] + new.strip() + text[end:]
        return texts


def all_mutants(folder):
    """All of planted/, those with the same test beside one another. Misfits of form come as (name, reason)."""
    mutants, misfits = [], []
    for path in sorted(pathlib.Path(folder).glob("*.mutant")):
        try:
            mutants.append(Mutant(path))
        except Misfit as misfit:
            misfits.append((path.stem, str(misfit)))
    return sorted(mutants, key=lambda m: (m.variant, m.test, m.name)), misfits
