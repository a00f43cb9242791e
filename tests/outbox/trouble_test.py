# SPDX-License-Identifier: MIT
#
# What goes wrong at a real server, and what the program says and does about it: away, full, refusing, older than it was,
# ahead of the log, another's; gaps of LSNs; the figures; the end on a signal. One server serves all cases of an engine.
#
#   trouble_test.py --outbox PROGRAM --engine redis|nats|postgres [--case NAME]
#
# Exit code 4: the server is not installed.

import argparse
import shutil
import signal
import sys
import tempfile

from engine import Missing, eventually
from nats_engine import Connection, Nats
from postgres_engine import Postgres
from redis_engine import Redis
from trouble_cases import Cases


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
