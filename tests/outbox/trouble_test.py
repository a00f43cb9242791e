# SPDX-License-Identifier: MIT
#
# What goes wrong at a real server, and what the program says and does about it: away, full, refusing, older than it was,
# ahead of the log, another's; gaps of LSNs; the figures; the end on a signal. One server serves all cases of an engine.
#
#   trouble_test.py --outbox PROGRAM --engine redis|nats|postgres [--case NAME]
#
# Exit code 4: the server is not installed.

import argparse
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from engine import Missing, eventually
from log_file import events_of
from nats_engine import Connection, Nats
from postgres_engine import Postgres
from redis_engine import Redis


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


class RedisCases(Cases):
    intruder = "which is no LSN"

    def fill(self):
        self.engine.call("CONFIG", "SET", "maxmemory", "1")

    def make_room(self):
        self.engine.call("CONFIG", "SET", "maxmemory", "0")

    def refuse(self):
        self.engine.call("ACL", "SETUSER", "shipper", "on", ">right", "~*", "+@all")
        allow = lambda: self.engine.call("ACL", "SETUSER", "shipper", ">secret")
        return self.engine.url().replace("//", "//shipper:secret@"), allow

    def intrude(self):
        self.engine.call("XADD", self.stream, "2-5", "payload", "mine")

    def case_another_type(self):
        self.engine.call("SET", self.stream, "text")
        code, said = self.run(["one"])
        assert code == 1 and "holds something else" in said, said

    def case_trimmed(self):
        assert self.run(["one", "two"])[0] == 0
        self.engine.call("XTRIM", self.stream, "MAXLEN", 0)
        assert self.run(["three"])[0] == 0
        assert [event[0] for event in self.held()] == [3]


class NatsCases(Cases):
    intruder = "holds events up to"

    def ask(self, call, what):
        with Connection(self.engine.port) as connection:
            answer = connection.ask(f"$JS.API.STREAM.{call}.{self.stream}", what)
            assert "error" not in answer, answer
            return answer

    def limit(self, messages):
        self.ask("UPDATE", {**self.ask("INFO", {})["config"], "max_msgs": messages})

    def fill(self):
        self.limit(2)

    def make_room(self):
        self.limit(-1)

    def refuse(self):
        self.engine.kill()
        self.engine.start("--user", "shipper", "--pass", "right")
        def allow():
            self.engine.kill()
            self.engine.start()
            self.engine.wait()
        return self.engine.url().replace("//", "//shipper:secret@"), allow

    def intrude(self):
        with Connection(self.engine.port) as connection:
            for _ in range(5):
                connection.ask(self.stream, "mine")

    def case_too_large(self):
        code, said = self.run(["one", "x" * 1_100_000, "three"])
        assert code == 1 and "event 2 is larger than the server's max_payload" in said, said
        assert len(self.held()) == 1

    def case_long_gap(self):
        code, said = self.run(["one"], "--start-lsn", "1000", "--most-placeholders", "100")
        assert code == 1 and "a stream has no gaps: allow 999 placeholders" in said, said

    def case_killed_in_a_gap(self):
        with self.ship("--start-lsn", "60000", "--most-placeholders", "1000000") as shipper:
            shipper.append("one")
            eventually("placeholders", lambda: self.last_sequence() > 1)
        for _ in range(50):
            code, said = self.run(["two"], "--most-placeholders", "1000000")
            if "file_locked" not in said:
                break
        assert code == 0, said
        self.is_copy()

    def last_sequence(self):
        with Connection(self.engine.port) as connection:
            return connection.ask(f"$JS.API.STREAM.INFO.{self.stream}", {}).get("state", {"last_seq": 0})["last_seq"]


class PostgresCases(Cases):
    intruder = "holds events that its cursor does not know of"

    def fill(self):
        self.engine.query(f"CREATE FUNCTION full_{self.stream}() RETURNS trigger LANGUAGE plpgsql AS "
                          "$$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$; "
                          f"CREATE TRIGGER filled BEFORE INSERT ON {self.stream} EXECUTE FUNCTION full_{self.stream}()")

    def make_room(self):
        self.engine.query(f"DROP TRIGGER filled ON {self.stream}")

    def refuse(self):
        self.engine.query("CREATE ROLE shipper LOGIN PASSWORD 'secret'")
        self.engine.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        allow = lambda: self.engine.query("ALTER ROLE shipper SUPERUSER")
        return self.engine.url().replace("outbox@", "shipper:secret@"), allow

    def intrude(self):
        self.engine.query(f"INSERT INTO {self.stream} VALUES (2, 'mine')")

    def case_emptied(self):
        assert self.run(["one", "two"])[0] == 0
        self.engine.query(f"DELETE FROM {self.stream}")
        assert self.run(["three"])[0] == 0
        assert [event[0] for event in self.held()] == [3]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--outbox", required=True)
    parser.add_argument("--engine", required=True, choices=["redis", "nats", "postgres"])
    parser.add_argument("--case", default="")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through the clean-up
    folder = tempfile.mkdtemp(prefix="rewal-outbox-")
    engine = None
    try:
        kind, cases_of = {"redis": (Redis, RedisCases), "nats": (Nats, NatsCases),
                          "postgres": (Postgres, PostgresCases)}[options.engine]
        engine = kind(folder)
        engine.start()
        engine.wait()
        cases = cases_of(options.outbox, engine, folder)
        for name in sorted(dir(cases)):
            if name.startswith("case_") and options.case in name:
                print(f"{options.engine}: {name[5:]}", flush=True)
                getattr(cases.new("s_" + name[5:]), name)()
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(4)
    finally:
        if engine is not None and engine.process is not None and engine.process.poll() is None:
            engine.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
