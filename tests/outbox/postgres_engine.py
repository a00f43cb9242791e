# SPDX-License-Identifier: MIT
#
# PostgreSQL: its server, which runs under a user without privileges, and psql to read tables.

import glob
import os
import pwd
import random
import shutil
import signal
import subprocess

from engine import Engine, Missing, eventually


class Postgres(Engine):
    name = "postgres"

    def __init__(self, folder):
        super().__init__(folder)
        self.as_user = []
        if os.geteuid() == 0:  # initdb and postgres refuse to run as root
            user = next((who for who in ("postgres", "nobody") if self.is_user(who)), None)
            if user is None:
                raise Missing("no user without privileges")
            self.as_user = [self.program("setpriv"), f"--reuid={user}", "--clear-groups", f"--regid={self.group(user)}"]
            os.chmod(folder, 0o755)
            for path in (self.folder, self.data):
                shutil.chown(path, user)
            os.chmod(self.data, 0o700)
        self.run_as_user([self.tool("initdb"), "-D", self.data, "-A", "trust", "-U", "outbox", "--no-sync"])

    @staticmethod
    def is_user(name):
        try:
            pwd.getpwnam(name)
            return True
        except KeyError:
            return False

    @staticmethod
    def group(user):
        return pwd.getpwnam(user).pw_gid

    def tool(self, name):
        return self.program(name, *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True))

    def run_as_user(self, command):
        subprocess.run([*self.as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def url(self, port=None):
        return f"postgresql://outbox@127.0.0.1:{port or self.port}/postgres"

    def command(self):
        return [*self.as_user, self.tool("postgres"), "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1",
                "-k", self.folder, "-c", "shared_buffers=16MB", "-c", "max_connections=20",
                "-c", "recovery_init_sync_method=syncfs"]

    def is_ready(self):
        return subprocess.run([self.tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False).returncode == 0

    def children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def kill(self):
        try:
            children = self.children()
        except OSError:
            children = []
        super().kill()
        if random.random() < 0.5:  # else they notice by themselves, and may finish what they are at
            for child in children:
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        eventually("postgres is gone", lambda: not any(self.is_of_ours(child) for child in children))

    def is_of_ours(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read().startswith(b"postgres")
        except OSError:
            return False

    def keep(self):
        super().keep()
        self.own(self.kept)

    def give_back(self):
        given = super().give_back()
        if given:
            self.own(self.data)
            for left in glob.glob(os.path.join(self.data, "postmaster.pid")):
                os.remove(left)
        return given

    def own(self, folder):
        """What was copied by root belongs to the server's user again."""
        owner = os.stat(self.folder)
        for path, folders, files in os.walk(folder):
            for name in [".", *folders, *files]:
                os.chown(os.path.join(path, name), owner.st_uid, owner.st_gid, follow_symlinks=False)

    def query(self, words):
        return subprocess.run([self.tool("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", self.url(), "-c", words], check=True,
                              stdout=subprocess.PIPE).stdout

    def events_after(self, stream, lsn):
        if self.query(f"SELECT to_regclass('{stream}')").strip() == b"":
            return []
        rows = self.query(f"COPY (SELECT lsn, encode(payload, 'hex'), coalesce(encode(meta, 'hex'), '') FROM {stream} "
                          f"WHERE lsn > {lsn} ORDER BY lsn) TO STDOUT")
        events = []
        for row in rows.splitlines():
            number, payload, meta = row.split(b"\t")
            events.append((int(number), bytes.fromhex(payload.decode()), bytes.fromhex(meta.decode())))
        return events
