#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of the program that makes mutants, on a root of its own with one small header and one test."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

try:
    from program import finding, results, schemata
except ModuleNotFoundError:
    finding = None

HEADER = """#pragma once
namespace rewal {
constexpr int step = 3;
static_assert(step < 4);
inline void note(int& count) {
  ++count;
}
inline int larger(int a, int b) {
  if (a < b) return b;
  return a;
}
inline int unused(int a) { return a * 2; }
}  // namespace rewal
"""
TEST = """#include <catch2/catch_test_macros.hpp>
#include <rewal/small/word.hpp>
TEST_CASE("the larger one, and the count") {
  int count = 0;
  rewal::note(count);
  CHECK(count == 1);
  CHECK(rewal::larger(1, 2) == 2);
  CHECK(rewal::larger(3, 2) == 3);
}
"""


@unittest.skipIf(finding is None or not shutil.which("clang"), "no libclang for Python, or no clang")
class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        for name, text in (("include/rewal/small/word.hpp", HEADER), ("tests/small/word_test.cpp", TEST)):
            (self.root / name).parent.mkdir(parents=True)
            (self.root / name).write_text(text)
        (self.root / "tests/mutants").mkdir()

    def changes(self):
        return finding.all_changes(self.root / "include", ["rewal/small/word.hpp"])

    def generate(self, *arguments):
        command = [sys.executable, str(HERE / "generate"), "--root", str(self.root), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done

    def test_what_is_changed(self):
        found = {(change.line, change.original, change.changed) for change in self.changes()}
        self.assertIn((6, "++count", "--count"), found)
        self.assertIn((6, "++count;", ""), found)
        self.assertIn((9, "a < b", "a <= b"), found)
        self.assertIn((12, "a * 2", "a / 2"), found)

    def test_what_the_compiler_must_know_is_left_alone(self):
        self.assertEqual([], [change for change in self.changes() if change.line in (3, 4)])

    def test_the_same_headers_give_the_same_mutants(self):
        self.assertEqual(self.changes(), self.changes())

    def test_lines_keep_their_numbers(self):
        text = schemata.written(HEADER.encode(), list(enumerate(self.changes()))).decode()
        self.assertEqual(len(HEADER.splitlines()), len(text.splitlines()))
        self.assertIn("if (!rewal_mutant(", text.splitlines()[5])

    def test_a_survivor_is_reported_as_one_and_those_that_a_test_sees_are_killed(self):
        done = self.generate()
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn("survived: include/rewal/small/word.hpp:9: operator: a < b -> a <= b\n", done.stdout)
        self.assertNotIn("++count", done.stdout)
        verdicts = dict(zip(("folder", "made", "tried", *results.VERDICTS), done.stdout.splitlines()[-2].replace(
            "timed out", "").split()))
        self.assertEqual("1", verdicts["survived"], done.stdout)
        self.assertGreater(int(verdicts["killed"]), 3, done.stdout)
        self.assertGreater(int(verdicts["never reached"]), 0, done.stdout)
        self.listed_as_equivalent_it_is_none()

    def listed_as_equivalent_it_is_none(self):
        (self.root / "tests/mutants/equivalents.txt").write_text("small/word.hpp: `a < b` -> `a <= b`: equal numbers\n")
        done = self.generate("--report")
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertNotIn("survived:", done.stdout)

    def test_a_line_of_equivalents_that_says_no_reason_is_refused(self):
        (self.root / "tests/mutants/equivalents.txt").write_text("small/word.hpp: `a < b` -> `a <= b`\n")
        command = [sys.executable, str(HERE / "generate"), "--root", str(self.root), "--report"]
        self.assertNotEqual(0, subprocess.run(command, capture_output=True, check=False).returncode)


if __name__ == "__main__":
    unittest.main()
