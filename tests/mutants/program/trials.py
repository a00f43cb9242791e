# SPDX-License-Identifier: MIT
"""Builds the rooms' tests over the changed headers, finds out which case reaches which change, and tries each change."""

import hashlib
import json
import queue
import re
import resource
import subprocess

from workshop import Broken

from . import schemata

BLAMED = re.compile(r"rewal_mutant\((\d+)\)")


class Limits:
    """How long a run with a change in it may take, by the run without."""

    def __init__(self, seconds=60, processor=60):
        self.seconds = 2 + 10 * seconds
        self.processor = 2 + 5 * processor


def limit_resources():
    """A change may ask for any memory and write any file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, hard))


class Build:
    """The programs of some rooms. Changes that do not compile are dropped on the way."""

    def __init__(self, workshop, include, folder, changes, rooms):
        self.workshop, self.include, self.folder = workshop, include, folder
        self.changes, self.rooms = changes, rooms
        self.tree = folder / "include"
        self.dropped_file = folder / "dropped"
        self.dropped = set(self.dropped_file.read_text().splitlines()) if self.dropped_file.is_file() else set()

    def sources(self, room):
        folder = self.workshop.root / "tests" / room
        return sorted(folder.glob("*.cpp" if room == "interleavings" else "*_test.cpp"))

    def command(self, source, *more):
        root = self.workshop.root
        header = self.workshop.folder / "precompiled-plain" / "precompiled.hpp"
        precompiled = ["-include-pch", f"{header}.pch"] if self.workshop.is_clang() else ["-include", str(header)]
        return [self.workshop.compiler, *self.workshop._flags("plain"), "-Wno-c++11-narrowing", *precompiled,
                f"-iquote{source.parent}", "-include", str(self.tree / "rewal_mutant.hpp"), f"-I{self.tree}",
                f"-I{root / 'tests'}", f"-I{root / 'examples'}", *more, str(source)]

    def drop_what_does_not_compile(self, threads):
        sources = [source for room in self.rooms for source in self.sources(room)]
        for attempt in range(12):
            schemata.write_tree(self.include, self.tree, self.changes, self.dropped)
            with_errors, blamed = [], set()
            for source, text in zip(sources, threads.map(self.errors_of, sources)):
                if text:
                    with_errors.append(source)
                    blamed |= self.blamed(text, attempt >= 3)
            if not with_errors:
                return
            new = {self.changes[number].key for number in blamed} - self.dropped
            if not new:
                raise Broken(f"{with_errors[0]} does not compile, and no change is to blame:\n{text[:3000]}")
            self.dropped |= new
            self.dropped_file.write_text("".join(key + "\n" for key in sorted(self.dropped)))
            sources = with_errors
        raise Broken("changes that do not compile are left")

    def errors_of(self, source):
        done = subprocess.run(self.command(source, "-fsyntax-only", "-ferror-limit=0"), capture_output=True, text=True,
                              errors="replace", check=False)
        return done.stderr if done.returncode else ""

    def blamed(self, text, whole_lines):
        """The numbers of the changes at which the compiler's errors point."""
        found = set()
        for path, line, column, kind in re.findall(r"^([^\s:]+):(\d+):(\d+): (error|fatal error|note):", text, re.M):
            if not path.startswith(str(self.tree)) or (kind == "note" and not whole_lines and found):
                continue
            with open(path, "rb") as file:
                row = file.read().split(b"\n")[int(line) - 1].decode(errors="replace")
            before = BLAMED.findall(row[: int(column) + 1])
            found |= set(map(int, BLAMED.findall(row) if whole_lines or not before else before[-1:]))
        return found

    def program(self, room):
        return self.folder / "rooms" / room / "program"

    def compile(self, threads):
        jobs = []
        for room in self.rooms:
            self.program(room).parent.mkdir(parents=True, exist_ok=True)
            for source in self.sources(room):
                jobs.append((source, self.program(room).parent / (source.stem + ".o")))
        list(threads.map(lambda job: self.compiled(*job), jobs))
        for room in self.rooms:
            objects = [str(output) for source, output in jobs if output.parent == self.program(room).parent]
            self.workshop._run([self.workshop.compiler, "-pthread", *objects, *self.workshop.libraries, "-o",
                                str(self.program(room))])

    def compiled(self, source, output):
        if not output.is_file():
            self.workshop._run(self.command(source, "-c", "-o", str(output)))

    def all(self, threads):
        self.workshop.precompile("plain")
        self.drop_what_does_not_compile(threads)
        self.compile(threads)


def escaped(name):
    return re.sub(r"([\\,\[\]*\"])", r"\\\1", name)


class Trials:
    """Runs cases, as they are and with a change in force."""

    def __init__(self, build, processes):
        self.build = build
        self.places = queue.Queue()
        for number in range(processes):
            self.places.put(self.place(number))
        self.cases = []  # [room, case, seconds, processor seconds, numbers that it reaches], the cheapest first

    def place(self, number):
        """A folder of its own for each process, with all programs in it."""
        for room in self.build.rooms:
            link = self.build.folder / "places" / str(number) / room / "program"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.build.program(room))
        return self.build.folder / "places" / str(number)

    def run(self, room, case, limits, environment):
        place = self.places.get()
        try:
            environment = {key: value.format(place=place) for key, value in environment.items()}
            return self.build.workshop.run(place / room / "program", escaped(case), limits, True, environment), place
        finally:
            self.places.put(place)

    def listed(self, room):
        done = subprocess.run([str(self.build.program(room)), "--list-tests", "--verbosity", "quiet"],
                              capture_output=True, text=True, check=False)
        return [line.strip() for line in done.stdout.splitlines() if line.strip()]

    def survey(self, threads, say):
        """Which case reaches which change."""
        known = self.build.folder / "cases.json"
        if known.is_file():
            self.cases = json.loads(known.read_text())
            return
        names = [(room, case) for room in self.build.rooms for case in self.listed(room)]
        self.cases = [case for case in threads.map(lambda name: self.surveyed(*name, say), names) if case]
        self.cases.sort(key=lambda case: (case[2], case[0], case[1]))
        known.write_text(json.dumps(self.cases))

    def surveyed(self, room, case, say):
        reached = self.build.folder / ("reached-" + hashlib.sha256(f"{room}/{case}".encode()).hexdigest()[:16])
        reached.write_bytes(bytes(len(self.build.changes) + 1))
        try:
            (how, seconds, processor), _ = self.run(room, case, Limits(), {"REWAL_MUTANT_REACHED": str(reached)})
        except Broken:
            how, seconds, processor = "does not run", 0, 0
        numbers = [number for number, byte in enumerate(reached.read_bytes()) if byte]
        reached.unlink()
        if how:
            say(f"left out: {room}: {case} {how} although nothing is changed")
            return None
        return [room, case, round(seconds, 3), round(processor, 3), numbers]

    def tried(self, number):
        """(verdict, how, the case that killed it)"""
        cases = [case for case in self.cases if number in case[4]]
        if not cases:
            return "never reached", "", ""
        for room, case, seconds, processor, _ in cases:
            try:
                (how, *_), _ = self.run(room, case, Limits(seconds, processor), {"REWAL_MUTANT": str(number)})
            except Broken:
                how = "fails"
            if how:
                return "timed out" if how == "hangs" else "killed", how, f"{room}: {case}"
        return "survived", "", ""

    def index(self):
        """Sets are asked faster."""
        for case in self.cases:
            case[4] = set(case[4])
