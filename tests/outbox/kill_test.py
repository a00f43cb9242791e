# SPDX-License-Identifier: MIT
#
# Ships events to a real server while the program, the server, or both are killed by SIGKILL at random moments. Now and
# then the server comes back with files that are older than what it had acknowledged; or what the program had sent when it
# was killed is held up on its way, and reaches the server when another run of the program is at work. In between what the target holds must be whole and in
# order; at the end it must be the log, event for event.
#
#   kill_test.py --outbox PROGRAM --engine redis|nats|postgres [--kills N] [--seed S]
#
# OUTBOX_KILLS in the environment is how many kills there are, where it is set. Exit code 4: the server is not installed.

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from engine import Missing
from late_network import LateNetwork
from log_file import events_of
from nats_engine import Nats
from postgres_engine import Postgres
from redis_engine import Redis

STREAM = "events"


class Feeder:
    """The program, and a thread that writes lines to it until it dies."""

    def __init__(self, command, rng, first):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.rng = rng
        self.next = first
        self.said = b""
        self.writer = threading.Thread(target=self.write)
        self.reader = threading.Thread(target=self.read)
        self.writer.start()
        self.reader.start()

    def line(self):
        self.next += 1
        noise = self.rng.randbytes(self.rng.randrange(40)).replace(b"\n", b"\r").replace(b"\t", b" ")
        meta = b"" if self.rng.random() < 0.5 else b"m%d %% " % self.next + noise + b"\t"
        return meta + b"%d " % self.next + noise + b"\n"

    def write(self):
        try:
            while True:
                self.process.stdin.write(b"".join(self.line() for _ in range(self.rng.randrange(1, 120))))
                self.process.stdin.flush()
                time.sleep(self.rng.random() * 0.04)
        except (BrokenPipeError, ValueError):
            pass

    def read(self):
        self.said = self.process.stderr.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.writer.join()
        self.reader.join()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        return self.next


class Run:
    def __init__(self, options, engine, folder):
        self.rng = random.Random(options.seed)
        self.engine = engine
        self.log = os.path.join(folder, "events.wal")
        self.is_late = False
        self.network = LateNetwork(engine.port)
        self.command = [options.outbox, "--log", self.log, "--to", engine.url(self.network.port), "--stream", STREAM,
                        "--meta-before-tab", "--most-pause", "100", "--look-every", "200", "--batch", str(self.rng.choice([30, 200, 1024]))]
        self.feeder = None
        self.lines = 0
        self.seen = 0    # the last LSN that the target was seen to hold
        self.number = 0  # of its line
        self.kills = {"program": 0, "server": 0, "lost tail": 0, "late": 0}

    def go(self, kills):
        self.engine.start()
        self.engine.wait()
        while self.kills["program"] + self.kills["server"] < kills:
            feeder = self.feeder = Feeder(self.command, self.rng, self.lines)
            if self.is_late:
                time.sleep(self.rng.random() * 0.15)
                self.network.release()
                self.is_late = False
            for _ in range(self.rng.choice([0, 0, 1, 2])):
                time.sleep(self.rng.random() * 0.2)
                self.kill_server()
                self.check_what_is_there()
            time.sleep(self.rng.random() ** 2 * 0.5)
            self.kill_program(feeder)
        self.network.release()
        self.finish()

    def kill_program(self, feeder):
        how = self.rng.random()
        if how < 0.2:  # and the server with it
            self.engine.kill()
            self.kills["server"] += 1
        elif how < 0.7:
            self.network.hold()
            self.is_late = True
            self.kills["late"] += 1
            time.sleep(self.rng.random() * 0.05)  # for the program to send
        self.lines = feeder.kill()
        self.kills["program"] += 1
        if feeder.process.returncode != -9 and b"file_locked" not in feeder.said:
            raise AssertionError(f"the program ended by itself: {feeder.said.decode(errors='replace')}")
        if how < 0.2:
            self.engine.start()
            self.engine.wait()
        self.check_what_is_there()

    def end(self):
        """Leaves no process behind."""
        if self.feeder is not None and self.feeder.process.poll() is None:
            self.feeder.kill()
        self.network.close()
        if self.engine.process is not None and self.engine.process.poll() is None:
            self.engine.kill()

    def kill_server(self):
        self.engine.kill()
        self.kills["server"] += 1
        chance = self.rng.random()
        if chance < 0.15 and self.engine.give_back():
            self.kills["lost tail"] += 1
            self.seen = self.number = 0
        elif chance < 0.5:
            self.engine.keep()
        time.sleep(self.rng.random() * 0.1)
        self.engine.start()
        self.engine.wait()

    def check_what_is_there(self):
        for lsn, payload, _ in self.engine.events_after(STREAM, self.seen):
            number = int(payload.split(b" ")[0])
            if lsn != self.seen + 1 or number <= self.number:
                raise AssertionError(f"behind event {self.seen}, line {self.number} came event {lsn}, line {number}")
            self.seen, self.number = lsn, number

    def finish(self):
        said = os.path.join(os.path.dirname(self.log), "said")
        for _ in range(50):
            with open(said, "wb") as stderr:
                try:
                    code = subprocess.run([*self.command[:-1], "1024"], stdin=subprocess.DEVNULL, stderr=stderr, timeout=300,
                                          check=False).returncode
                except subprocess.TimeoutExpired:
                    code = "none"
            with open(said, encoding="utf-8", errors="replace") as stderr:
                said_last = stderr.read()
            if "file_locked" not in said_last:
                break
            time.sleep(0.1)
        if code != 0:
            raise AssertionError(f"the last run ended with {code}: {said_last}")
        wanted = events_of(self.log)
        held = self.engine.events_after(STREAM, 0)
        if wanted != held:
            first = next((i for i, pair in enumerate(zip(wanted, held)) if pair[0] != pair[1]), min(len(wanted), len(held)))
            raise AssertionError(f"the log has {len(wanted)} events and the target {len(held)}; at {first} they differ: "
                                 f"{wanted[first:first + 1]} and {held[first:first + 1]}")
        self.events = len(wanted)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--outbox", required=True)
    parser.add_argument("--engine", required=True, choices=["redis", "nats", "postgres"])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    kills = int(os.environ.get("OUTBOX_KILLS", options.kills))
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {options.seed}", flush=True)
    random.seed(options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through the clean-up
    folder = tempfile.mkdtemp(prefix="rewal-outbox-")
    run = None
    try:
        engine = {"redis": Redis, "nats": Nats, "postgres": Postgres}[options.engine](folder)
        begun = time.monotonic()
        run = Run(options, engine, folder)
        run.go(kills)
        print(f"{options.engine}: {run.events} events, each there once and in order; killed: program "
              f"{run.kills['program']}, what it had sent late {run.kills['late']} times; server {run.kills['server']}, "
              f"{run.kills['lost tail']} times with its tail lost; {time.monotonic() - begun:.0f} s")
    except Missing as missing:
        print(f"skipped: {missing}")
        sys.exit(4)
    finally:
        if run is not None:
            run.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
