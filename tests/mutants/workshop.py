# SPDX-License-Identifier: MIT
"""Workshop: compiles test sources, sound or with a mutant's headers before the sound ones, links them into small
programs and runs one test case.

What compiles fastest is what counts here. So an object that includes no changed header is taken from the sound build,
a test file is compiled without the cases that nobody asks for, nothing is warned about, and only what plays millions
of interleavings is optimised.
"""

import concurrent.futures
import math
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

from mutant import Mutant

PRECOMPILED = """
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <ranges>
#include <set>
#include <shared_mutex>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <vector>
"""

VARIANTS = {
    "plain": ["-O0"],
    "optimised": ["-O1"],
    "address": ["-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"],
    "thread": ["-O0", "-fsanitize=thread"],
}


class Broken(Exception):
    """Something did not compile or link."""


def without_other_cases(text, cases):
    """The test file without the cases that are not among these; what is left stays on its line."""
    lines, is_skipped = [], False
    for line in text.splitlines():
        begins = re.match(r'(?:TEMPLATE_)?TEST_CASE\("((?:[^"\\]|\\.)*)"', line)
        is_skipped = is_skipped or bool(begins and begins[1] not in cases)
        lines.append("" if is_skipped else line)
        is_skipped = is_skipped and line != "}" and not (begins and line.endswith("}"))
    return "\n".join(lines) + "\n"


class Workshop:
    def __init__(self, root, folder, compiler, flags, libraries, jobs):
        self.root, self.folder = root, folder
        self.compiler, self.flags, self.libraries = compiler, flags, libraries
        self.places = threading.Semaphore(jobs)  # for compilers
        self.lock = threading.Lock()
        self.sound = {}  # (source, variant): future of (object, the files that it includes)

    def sources_of(self, test):
        """What is linked into the program of one test file."""
        test = pathlib.Path(test)
        if test.parent.name in ("interleavings", "memory"):
            shared = sorted((self.root / test.parent).glob("*.cpp"))
            return [str(test)] + [str(s.relative_to(self.root)) for s in shared if not s.name.endswith("_test.cpp")]
        if test.name == "system_calls_test.cpp":
            return [str(test), "tests/torture/shim.cpp"]
        if test.parent.name == "walctl":
            commands = sorted((self.root / "examples/walctl").rglob("*.cpp"))
            return [str(test)] + [str(c.relative_to(self.root)) for c in commands if c.name != "main.cpp"]
        return [str(test)]

    def _run(self, command):
        with self.places:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "error" in line] or done.stdout.splitlines()
            raise Broken(" / ".join(lines[:3]))

    def precompile(self, variant):
        """By one thread, before anything is compiled of that variant."""
        folder = self.folder / (f"precompiled-{variant}")
        folder.mkdir(parents=True, exist_ok=True)
        header = folder / "precompiled.hpp"
        header.write_text(PRECOMPILED)
        output = header.with_suffix(".hpp.pch" if self.is_clang() else ".hpp.gch")
        instantiated = ["-fpch-instantiate-templates"] if self.is_clang() else []
        self._run([self.compiler, *self._flags(variant), *instantiated, "-x", "c++-header", str(header), "-o", str(output)])

    def is_clang(self):
        return "clang" in pathlib.Path(self.compiler).name

    def _flags(self, variant):
        return ["-std=c++20", "-w", "-pthread", *VARIANTS[variant], *self.flags]

    def _compile(self, source, variant, cases, changed, output):
        """(object, the files that it includes)"""
        output.parent.mkdir(parents=True, exist_ok=True)
        path = self.root / source
        header = self.folder / f"precompiled-{variant}" / "precompiled.hpp"
        precompiled = ["-include-pch", f"{header}.pch"] if self.is_clang() else ["-include", str(header)]
        if path.name == "shim.cpp":
            precompiled = []  # it defines what standard headers declare otherwise
        for folder in changed:  # the source itself may be what is changed
            mutated = folder / path.relative_to(self.root / path.relative_to(self.root).parts[0])
            path = mutated if mutated.is_file() else path
        if path.name.endswith("_test.cpp"):
            cut = output.with_suffix(".cpp")
            cut.write_text(without_other_cases(path.read_text(), cases))
            path = cut
        includes = [f"-iquote{(self.root / source).parent}", *(f"-I{folder}" for folder in changed),
                    f"-I{self.root / 'include'}", f"-I{self.root / 'tests'}", f"-I{self.root / 'examples'}"]
        dependencies = output.with_suffix(".d")
        self._run([self.compiler, *self._flags(variant), *precompiled, *includes, "-MD", "-MF", str(dependencies),
                   "-c", str(path), "-o", str(output)])
        return output, dependencies.read_text().replace("\\\n", " ").split()

    def sound_object(self, source, variant, cases):
        """As _compile; compiled once, whoever asks first."""
        key = (source, variant)
        with self.lock:
            known = self.sound.get(key)
            if known is None:
                mine = self.sound[key] = concurrent.futures.Future()
        if known is not None:
            return known.result()
        try:
            output = self.folder / "sound" / variant / (source.replace("/", "-").removesuffix(".cpp") + ".o")
            mine.set_result(self._compile(source, variant, cases, [], output))
        except Broken as broken:
            mine.set_exception(broken)
        return mine.result()

    def program(self, test, variant, cases, name, texts=None):
        """Links the program of some cases of a test file, with the changed headers `texts` of a mutant if there are
        some. The sound program, with the cases of all mutants, comes first."""
        folder = self.folder / "programs" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for header, text in (texts or {}).items():
            path = folder / "include" / header
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        objects, changed = [], 0
        for number, source in enumerate(self.sources_of(test)):
            built, included = self.sound_object(source, variant, cases)
            if any(str(Mutant.source_of(self.root, header)) in included for header in texts or {}):
                built, _ = self._compile(source, variant, cases, [folder / "include"], folder / f"{number}.o")
                changed += 1
            objects.append(str(built))
        if texts and changed == 0:
            raise Broken("the test includes none of the changed headers")
        self._run([self.compiler, *self._flags(variant), *objects, *self.libraries, "-o", str(folder / "program")])
        return folder / "program"

    def run(self, program, case, limits, at_first_failure, more=None):
        """(how it failed, or "" where it passed; seconds; of them by processors). It may end at its first failure.
        `more` is for its environment."""
        scratch = program.parent / "tmp"
        scratch.mkdir(exist_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("REWAL_TORTURE")}
        environment.update(TMPDIR=str(scratch), UBSAN_OPTIONS="print_stacktrace=1",
                           ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:exitcode=99",
                           TSAN_OPTIONS="halt_on_error=1:exitcode=99", **(more or {}))
        command = [str(program), case, *(["--abort"] if at_first_failure else [])]
        begin = time.monotonic()
        with open(program.parent / "output", "wb") as output:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                     env=environment, start_new_session=True)
        processor = math.ceil(limits.processor)
        try:
            resource.prlimit(child.pid, resource.RLIMIT_CPU, (processor, processor))
        except ProcessLookupError:
            pass  # it has ended
        pid, status, usage = 0, 0, None
        while pid == 0 and time.monotonic() - begin < limits.seconds:
            time.sleep(0.01)
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        try:
            os.killpg(child.pid, signal.SIGKILL)  # and what it left behind
        except ProcessLookupError:
            pass
        if pid == 0:
            _, _, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        shutil.rmtree(scratch, ignore_errors=True)
        how = self._how(child.returncode) if pid != 0 else "hangs"
        return how, time.monotonic() - begin, usage.ru_utime + usage.ru_stime

    @staticmethod
    def _how(code):
        if code == 0:
            return ""
        if code in (2, 3, 4, 5):  # Catch2's, where it ran no test
            raise Broken(f"the test did not run: exit code {code}")
        if -code in (signal.SIGXCPU, signal.SIGKILL):
            return "hangs"
        if code < 0:
            return signal.Signals(-code).name
        return "sanitizer" if code == 99 else "fails"


class Limits:
    """How long a run may take: without a figure of the sound one, or by it. The processors' time says it sooner, and
    just as well on a busy machine; a test that sleeps for ever uses none."""

    def __init__(self, sound=None):
        seconds, processor = sound or (60, 60)
        self.seconds = max(15.0, 10 * seconds)
        self.processor = max(3.0, 5 * processor)
