#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills an example by SIGKILL, from outside and at random, and looks whether it kept what it had acknowledged.

    killed.py key_value PROGRAM [ROUNDS [SEED]]

The classes below know what each example acknowledges. A failure prints the seed and keeps the folder."""

import random
import subprocess
import sys
import tempfile
import threading
import time


def require(holds, what):
    if not holds:
        raise AssertionError(what)


class Program:
    """A running example, asked by lines."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        self.timer = None

    def kill_after(self, seconds):
        self.timer = threading.Timer(seconds, self.process.kill)
        self.timer.start()

    def ask(self, line):
        """The answer, or None if it is dead."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ConnectionError):
            return None
        answer = self.process.stdout.readline()
        return answer.rstrip("\n") if answer.endswith("\n") else None

    def end(self):
        """Its end: after a kill, or by the end of its input."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        rest = self.process.stdout.read()
        code = self.process.wait(timeout=60)
        if self.timer is not None:
            self.timer.cancel()
        require(code in (0, -9), f"it ended with {code}")
        return rest


def key_value(program, folder, rounds, chance):
    """Every change that was answered is there; of the last one, unanswered, either value is right."""
    known, unsure = {}, {}
    answered = 0
    for round_ in range(rounds):
        store = Program(program, folder, 25)
        for key in set(known) | set(unsure):
            value = store.ask("get " + key)
            require(value in (known.get(key, "none"), unsure.get(key)), f"{key}: {value}, known {known.get(key)}")
            known[key] = value
        unsure = {}
        require(int(store.ask("count")) == sum(value != "none" for value in known.values()), "the count is wrong")
        require(int(store.ask("files")) < 8, "the log does not stay short")
        store.kill_after(chance.uniform(0.01, 0.15))
        while True:
            key = f"key{chance.randrange(40)}"
            delete = chance.random() < 0.2
            value = "none" if delete else f"= value {round_}.{answered}"
            answer = store.ask(f"del {key}" if delete else f"set {key} {value[2:]}")
            if answer is None:
                unsure[key] = value
                break
            require(answer == "ok", answer)
            known[key] = value
            answered += 1
        store.end()
    require(answered > rounds, "hardly anything was answered")
    return f"{answered} changes answered"


EXAMPLES = {"key_value": key_value}


def main():
    name, program = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else time.time_ns() % 1_000_000
    folder = tempfile.mkdtemp(prefix=f"rewal-{name}-")
    try:
        said = EXAMPLES[name](program, folder + "/data", rounds, random.Random(seed))
    except Exception:
        print(f"seed {seed}, folder kept: {folder}", file=sys.stderr)
        raise
    subprocess.run(["rm", "-r", folder], check=True)
    print(f"{name}: {rounds} kills, {said}")


if __name__ == "__main__":
    main()
