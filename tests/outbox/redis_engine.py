# SPDX-License-Identifier: MIT
#
# Redis: its server, and its protocol as far as reading a stream needs it.

import socket

from engine import Engine


class Redis(Engine):
    name = "redis"

    def url(self, port=None):
        return f"redis://127.0.0.1:{port or self.port}"

    def command(self):
        return [self.program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.data,
                "--appendonly", "yes", "--appendfsync", "always", "--save", ""]

    def is_ready(self):
        try:
            return self.call("PING") == b"PONG"
        except (OSError, RuntimeError):
            return False

    def call(self, *words):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            with connection.makefile("rb") as answers:
                return self.answer(answers)

    def answer(self, answers):
        line = answers.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("the connection is gone")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else answers.read(int(rest) + 2)[:-2]
        return [self.answer(answers) for _ in range(int(rest))]

    def events_after(self, stream, lsn):
        events = []
        while True:
            found = self.call("XRANGE", stream, f"({lsn}-0", "+", "COUNT", 5000)
            for entry, fields in found:
                number, rest = entry.split(b"-")
                if rest != b"0":
                    raise ValueError(f"the ID {entry} is no LSN")
                lsn = int(number)
                held = dict(zip(fields[::2], fields[1::2]))
                events.append((lsn, held[b"payload"], held.get(b"meta", b"")))
            if len(found) < 5000:
                return events
