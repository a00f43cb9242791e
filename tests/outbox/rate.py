# SPDX-License-Identifier: MIT
#
# Events a second from a log to each engine that is installed: a server of its own, as kill_test.py starts it, which
# acknowledges what it has written (Redis fsyncs each time, PostgreSQL each transaction, NATS now and then).
#
#   rate.py --outbox PROGRAM [--events N] [--bytes OF_AN_EVENT] [--runs HOW_MANY] [--batch EVENTS]

import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile

from engine import Missing
from nats_engine import Nats
from postgres_engine import Postgres
from redis_engine import Redis


def rate(options, engine, folder, number):
    log = os.path.join(folder, f"{number}.wal")
    with open(os.path.join(folder, "lines"), "rb") as lines:
        done = subprocess.run([options.outbox, "--log", log, "--to", engine.url(), "--stream", f"run_{number}", "--batch",
                               str(options.batch)], stdin=lines, stderr=subprocess.PIPE, check=True)
    said = re.search(rb"shipped (\d+) events in ([0-9.]+) s", done.stderr)
    if int(said[1]) != options.events:
        raise AssertionError(done.stderr.decode())
    return int(said[1]) / float(said[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--outbox", required=True)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--bytes", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1024)
    options = parser.parse_args()
    for kind in (Redis, Nats, Postgres):
        folder = tempfile.mkdtemp(prefix="rewal-outbox-")
        engine = None
        try:
            with open(os.path.join(folder, "lines"), "wb") as lines:
                for number in range(options.events):
                    lines.write(b"%0*d\n" % (options.bytes, number))
            engine = kind(folder)
            engine.start()
            engine.wait()
            rates = [rate(options, engine, folder, number) for number in range(options.runs)]
            print(f"{kind.name}: {statistics.median(rates):,.0f} events/s, from {min(rates):,.0f} to {max(rates):,.0f}; "
                  f"{options.runs} runs of {options.events:,} events of {options.bytes} bytes, {options.batch} in a batch",
                  flush=True)
        except Missing as missing:
            print(f"{kind.name}: skipped: {missing}")
        finally:
            if engine is not None and engine.process is not None and engine.process.poll() is None:
                engine.kill()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
