#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills an example by SIGKILL, from outside and at random, and looks whether it kept what it had acknowledged.

    killed.py key_value PROGRAM [ROUNDS [SEED]]

The classes below know what each example acknowledges. A failure prints the seed and keeps the folder."""

import os
import random
import re
import shutil
import socket
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
        self.first = ""

    def begin(self):
        """Waits until it says something: a kill long before would try nothing."""
        self.first = self.process.stdout.readline()

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
        """Its end, after a kill or by the end of its input; what it said and nobody read."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        rest = self.first + self.process.stdout.read()
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
        while True:
            key = f"key{chance.randrange(40)}"
            delete = chance.random() < 0.2
            value = "none" if delete else f"= value {round_}.{answered}"
            answer = store.ask(f"del {key}" if delete else f"set {key} {value[2:]}")
            if answer is None:
                unsure[key] = value
                break
            require(answer == "ok", answer)
            if store.timer is None:
                store.kill_after(chance.uniform(0, 0.15))
            known[key] = value
            answered += 1
        store.end()
    return f"{answered} changes answered"


def checked_ledger(program, folder):
    lines = subprocess.run([program, folder, "--check"], check=True, capture_output=True, text=True).stdout.splitlines()
    _, events, _, replayed = lines[0].split()
    return int(events), int(replayed), dict(line.split() for line in lines[1:])


def ledger(program, folder, rounds, chance):
    """No acknowledged transfer is lost, no money is made or lost, and snapshots change nothing but the time to open."""
    last, snapshots_used = 0, 0
    for _ in range(rounds):
        clients = Program(program, folder)
        clients.begin()
        clients.kill_after(chance.uniform(0, 0.2))
        lines = clients.end().split("\n")[:-1]  # the last one may be half a line
        acknowledged = max([int(line.split()[0]) for line in lines], default=last)
        events, replayed, balances = checked_ledger(program, folder)
        require(events >= acknowledged >= last, f"{acknowledged} events acknowledged, {events} found")
        if len(balances) == 4:
            require(sum(map(int, balances.values())) == 40000, f"the money is not all there: {balances}")
        require(all(int(cents) >= 0 for cents in balances.values()), f"an account is overdrawn: {balances}")
        shutil.copytree(folder, folder + ".whole")
        os.remove(folder + ".whole/snapshots.wal")
        require(checked_ledger(program, folder + ".whole") == (events, events, balances), "the snapshot is wrong")
        shutil.rmtree(folder + ".whole")
        snapshots_used += replayed < events
        last = events
    require(snapshots_used > 0 or last < 1000, "no snapshot was used")  # there is one every 500 events
    return f"{last} events, {snapshots_used} times from a snapshot"


def work_queue(program, folder, rounds, chance):
    """Every job that was queued is handed out; one that is done never comes back; the others do."""
    queued, done, begun, again = set(), set(), set(), set()
    for round_ in range(rounds + 1):
        queue = Program(program, folder, 3)
        if round_ < rounds:
            for job in range(chance.randrange(1, 400)):
                queue.process.stdin.write(f"{round_}.{job}\n")
            queue.begin()
            queue.kill_after(chance.uniform(0, 0.15))
        before = set(done)
        for line in queue.end().split("\n")[:-1]:
            what, _, job = line.split()
            if what == "queued":
                queued.add(job)
            elif what == "begin":
                require(job not in before, f"{job} was done, and came back")
                if job in begun:
                    again.add(job)
                begun.add(job)
            else:
                require(job not in done, f"{job} is done twice")
                done.add(job)
    require(queued <= begun, f"lost: {sorted(queued - begun)}")
    # One whose acknowledgement became durable just before the kill was never heard of again: at most one for a worker.
    require(len(begun - done) <= 3 * rounds, f"begun and not done: {sorted(begun - done)}")
    require(Program(program, folder).end() == "", "a job is left")
    require(len(os.listdir(folder)) < 40, "the log does not stay short")
    require(again, "no job was handed out again")
    return f"{len(done)} jobs, {len(again)} of them handed out again"


def tcp_server(program, file, rounds, chance):
    """Every answer is the LSN of an event that is there after the kill; answers of one client ascend."""
    acknowledged, answers = 0, 0
    for _ in range(rounds):
        server = Program(program, file, 0)
        port, last = re.fullmatch(r"port (\d+), last LSN (\d+)\n", server.process.stdout.readline()).groups()
        require(int(last) >= acknowledged, f"{acknowledged} answered, {last} found")
        clients = [socket.create_connection(("127.0.0.1", int(port))) for _ in range(8)]
        gone = socket.create_connection(("127.0.0.1", int(port)))
        gone.sendall(b"a line, and half of ano")  # a client that goes without waiting harms nobody
        gone.close()
        before = [0] * len(clients)
        try:
            while True:
                for client in clients:
                    client.sendall(b"one\ntwo\nthr")
                    client.sendall(b"ee\n")
                for i, client in enumerate(clients):
                    lines = client.makefile()
                    for _ in range(3):
                        line = lines.readline()
                        if not line.endswith("\n"):
                            raise ConnectionError
                        require(int(line) > before[i], "answers do not ascend")
                        if server.timer is None:
                            server.kill_after(chance.uniform(0, 0.2))
                        before[i] = int(line)
                        acknowledged = max(acknowledged, before[i])
                        answers += 1
        except ConnectionError:
            pass
        for client in clients:
            client.close()
        server.end()
    server = Program(program, file, 0)
    port = server.process.stdout.readline().split()[1].rstrip(",")
    said = subprocess.run([program, "--load", port, "16", "1"], check=True, capture_output=True, text=True).stdout
    require(re.fullmatch(r"16 connections: \d+ durable requests a second\n", said), said)
    server.end()
    return f"{answers} answers; {said.strip()}"


EXAMPLES = {"key_value": key_value, "ledger": ledger, "work_queue": work_queue, "tcp_server": tcp_server}


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
    shutil.rmtree(folder)
    print(f"{name}: {rounds} kills, {said}")


if __name__ == "__main__":
    main()
