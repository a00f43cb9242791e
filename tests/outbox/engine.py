# SPDX-License-Identifier: MIT
#
# Engine: a real server in a folder of its own, on a port of its own, that can be killed, started again, and given back an
# older state of its files, as a failover to a standby that lagged behind gives. Missing is raised where the server is not
# installed. What differs from engine to engine is in redis_engine.py, nats_engine.py and postgres_engine.py.

import os
import random
import shutil
import signal
import socket
import subprocess
import time


class Missing(Exception):
    pass


def free_port():
    """None of those that the system gives to outgoing connections: one of these could take it while the server is dead."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(12_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Missing("no port is free")


def eventually(what, holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


class Engine:
    """Subclasses have: name, url(port), command(), is_ready(), events_after(stream, lsn)."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, self.name)
        self.data = os.path.join(self.folder, "data")
        self.kept = os.path.join(self.folder, "kept")
        self.port = free_port()
        self.process = None
        os.makedirs(self.data)

    def program(self, name, *elsewhere):
        found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *elsewhere]))
        if found is None:
            raise Missing(f"{name} is not installed")
        return found

    def start(self, *more):
        log = open(os.path.join(self.folder, "server.log"), "ab")
        with log:
            self.process = subprocess.Popen([*self.command(), *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder)

    def wait(self):
        """Until it answers; one that could not start, as its port or files were still held, is started again."""
        def is_ready():
            if self.process.poll() is not None:
                self.start()
                time.sleep(0.05)
            return self.is_ready()
        eventually(f"{self.name} answers", is_ready)

    def kill(self):
        """SIGKILL; returns when nothing of the server runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def keep(self):
        """Remembers the files of the killed server."""
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.data, self.kept, symlinks=True)

    def give_back(self):
        """The killed server's files are those that were kept. False if none were."""
        if not os.path.isdir(self.kept):
            return False
        shutil.rmtree(self.data)
        shutil.copytree(self.kept, self.data, symlinks=True)
        return True
