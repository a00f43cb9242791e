# SPDX-License-Identifier: MIT
#
# What can go wrong at any engine, a case each, with the program that is fed by hand. What an engine does in its own way
# (fill, make_room, refuse, intrude) is left to those who derive from Cases.

import os
import pty
import signal
import subprocess
import threading

from engine import eventually
from log_file import events_of


class Shipper:
    """The program, fed by hand, and what it says."""

    def __init__(self, command, stderr=subprocess.PIPE):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr)
        self.said = ""
        self.reader = None
        if stderr == subprocess.PIPE:
            self.reader = threading.Thread(target=self.read)
            self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.said += line.decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.ended()

    def append(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()

    def says(self, words, seconds=30):
        try:
            eventually(f"says {words!r}", lambda: words in self.said, seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it said:\n{self.said}") from None

    def ended(self):
        code = self.process.wait(60)
        if self.reader:
            self.reader.join()
        if self.process.stdin:
            self.process.stdin.close()
        return code

    def signalled(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.ended()


class Cases:
    def __init__(self, program, engine, folder):
        self.program = program
        self.engine = engine
        self.folder = folder
        self.stream = ""

    def new(self, name):
        self.stream = name
        return self

    @property
    def log(self):
        return os.path.join(self.folder, self.stream + ".wal")

    def command(self, *more, url=None, log=None):
        return [self.program, "--log", log or self.log, "--to", url or self.engine.url(), "--stream", self.stream,
                "--most-pause", "50", "--look-every", "50", *more]

    def ship(self, *more, **rest):
        return Shipper(self.command(*more, **rest))

    def run(self, lines, *more, **rest):
        done = subprocess.run(self.command(*more, **rest), input="".join(line + "\n" for line in lines).encode(),
                              stderr=subprocess.PIPE, timeout=60, check=False)
        return done.returncode, done.stderr.decode(errors="replace")

    def held(self):
        return self.engine.events_after(self.stream, 0)

    def holds(self, count):
        eventually(f"{count} events in {self.stream}", lambda: len(self.held()) == count)

    def is_copy(self):
        assert self.held() == events_of(self.log), "the target is not the log"

    # ---- the cases, each with a stream and a log of its own ---------------------------------------------------------

    def case_away(self):
        self.engine.kill()
        with self.ship() as shipper:
            shipper.append("one", "two")
            shipper.says("trying again in")
            self.engine.start()
            self.engine.wait()
            self.holds(2)
            shipper.says("connected to")
            assert shipper.signalled() == 0
        self.is_copy()

    def case_full(self):
        with self.ship() as shipper:
            shipper.append("one")
            self.holds(1)
            self.fill()
            shipper.append("two", "three")
            shipper.says("it is full: ")
            self.make_room()
            self.holds(3)
            assert shipper.signalled(signal.SIGINT) == 0
        self.is_copy()

    def case_refused(self):
        refusing, allow = self.refuse()
        with self.ship(url=refusing) as shipper:
            shipper.append("one")
            shipper.says("it refuses: ")
            assert "secret" not in shipper.said
            allow()
            self.holds(1)
            assert shipper.signalled() == 0
        self.is_copy()

    def case_lost_tail(self):
        with self.ship() as shipper:
            shipper.append(*(str(i) for i in range(100)))
            self.holds(100)
            self.engine.kill()
            self.engine.keep()
            self.engine.start()
            self.engine.wait()
            shipper.append(*(str(i) for i in range(100, 150)))
            self.holds(150)
            self.engine.kill()
            self.engine.give_back()
            self.engine.start()
            self.engine.wait()
            self.holds(150)  # though nothing new comes
            shipper.says("it has lost its tail")
            assert shipper.signalled() == 0
        self.is_copy()

    def case_ahead(self):
        assert self.run(["one", "two", "three"])[0] == 0
        other = os.path.join(self.folder, "other.wal")
        code, said = self.run(["one"], log=other)
        assert code == 1 and "holds events up to 3, but the log ends at 1" in said, said
        assert len(self.held()) == 3

    def case_another_log_later(self):
        """A log that does not follow what the target holds leaves no hole, unless it may."""
        assert self.run(["one", "two"])[0] == 0
        later = os.path.join(self.folder, "later.wal")
        code, said = self.run(["ten"], "--start-lsn", "10", log=later)
        assert code == 1 and "the log begins at 10" in said, said
        code, said = self.run(["eleven"], "--skip-missing", log=later)
        assert code == 0, said
        assert [event[0] for event in self.held()] == [1, 2, 10, 11]

    def case_gap(self):
        parts = [self.log + ".part1", self.log + ".part2"]
        stream, self.stream = self.stream, self.stream + "_parts"
        assert self.run(["one", "two"], log=parts[0])[0] == 0
        assert self.run(["ten", "eleven"], "--start-lsn", "10", "--skip-missing", log=parts[1])[0] == 0
        self.stream = stream
        with open(self.log, "wb") as log:
            for part in parts:
                with open(part, "rb") as file:
                    log.write(file.read())
        code, said = self.run([])
        assert code == 0, said
        assert [event[0] for event in self.held()] == [1, 2, 10, 11]
        self.is_copy()

    def case_begins_late(self):
        assert self.run(["one", "two"], "--start-lsn", "1000")[0] == 0
        assert self.run(["three"])[0] == 0
        assert [event[0] for event in self.held()] == [1000, 1001, 1002]
        self.is_copy()

    def case_foreign(self):
        assert self.run(["one"])[0] == 0
        self.intrude()
        code, said = self.run(["two", "three"])
        assert code == 1 and self.intruder in said, said

    def case_figures(self):
        file = os.path.join(self.folder, "figures")
        with self.ship("--metrics", file) as shipper:
            shipper.append("one", "two")
            self.holds(2)
            def is_told():
                if not os.path.exists(file):
                    return False
                with open(file, encoding="ascii") as figures:
                    values = dict(line.rsplit(" ", 1) for line in figures if line[0] != "#")
                return all(any(key.startswith(name + "{") and int(value) == wanted for key, value in values.items())
                           for name, wanted in (("outbox_connected", 1), ("outbox_shipped_lsn", 2), ("outbox_lag_events", 0),
                                                ("outbox_events_total", 2)))
            eventually("the figures are told", is_told)
            assert shipper.signalled() == 0

    def case_terminal(self):
        terminal, other = pty.openpty()
        with Shipper(self.command(), stderr=other) as shipper:
            os.close(other)
            shipper.append("one")
            said = b""
            while b"shipped 1  lag 0" not in said:
                said += os.read(terminal, 1000)
            assert shipper.signalled() == 0
        os.close(terminal)
