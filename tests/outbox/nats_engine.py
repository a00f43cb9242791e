# SPDX-License-Identifier: MIT
#
# NATS: its server with JetStream, and its protocol as far as reading a stream needs it. Placeholders of gaps are no events.

import json
import socket
import urllib.parse

from engine import Engine


class Nats(Engine):
    name = "nats"

    def url(self, port=None):
        return f"nats://127.0.0.1:{port or self.port}"

    def command(self):
        return [self.program("nats-server"), "-js", "-sd", self.data, "-a", "127.0.0.1", "-p", str(self.port)]

    def is_ready(self):
        try:
            with Connection(self.port) as connection:
                return "error" not in connection.ask("$JS.API.INFO", {})
        except (OSError, ValueError):
            return False

    def events_after(self, stream, lsn):
        with Connection(self.port) as connection:
            info = connection.ask(f"$JS.API.STREAM.INFO.{stream}", {})
            if "state" not in info or info["state"]["last_seq"] <= lsn:
                return []
            last = info["state"]["last_seq"]
            connection.send(b"SUB reader 2\r\n")
            consumer = connection.ask(f"$JS.API.CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": {
                "ack_policy": "none", "deliver_policy": "by_start_sequence", "opt_start_seq": lsn + 1}})["name"]
            events = []
            wanted = 0
            while lsn < last:
                if wanted == 0:  # no more at a time than is read at once: the server drops slow readers
                    wanted = min(5000, last - lsn)
                    connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", "reader", {"batch": wanted})
                reply, headers, payload = connection.message()
                wanted -= 1
                lsn = int(reply.split(".")[5])
                if "Rewal-Gap" not in headers:
                    meta = urllib.parse.unquote_to_bytes(headers.get("Rewal-Meta", ""))
                    events.append((lsn, payload, meta))
            return events


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")
        self.early = []
        self.file.readline()
        self.send(b'CONNECT {"verbose":false,"headers":true}\r\nSUB answer 1\r\n')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text)

    def publish(self, subject, reply, what):
        body = json.dumps(what).encode()
        self.send(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply.encode(), len(body), body))

    def ask(self, subject, what):
        self.publish(subject, "answer", what)
        while True:
            to, message = self.receive()
            if to == "answer":
                if not message[2]:
                    raise OSError("nobody answers")
                return json.loads(message[2])
            self.early.append(message)

    def message(self):
        return self.early.pop(0) if self.early else self.receive()[1]

    def receive(self):
        """A message: where it went, and (reply, headers, data)."""
        while True:
            words = self.file.readline().split()
            if not words:
                raise OSError("the connection is gone")
            if words[0] == b"PING":
                self.send(b"PONG\r\n")
            if words[0] not in (b"MSG", b"HMSG"):
                continue
            body = self.file.read(int(words[-1]) + 2)[:-2]
            split = int(words[-2]) if words[0] == b"HMSG" else 0
            reply = words[3].decode() if len(words) > (5 if split else 4) else ""
            headers = {}
            for line in body[:split].decode().split("\r\n")[1:]:
                name, colon, value = line.partition(":")
                if colon:
                    headers[name] = value.strip()
            return words[1].decode(), (reply, headers, body[split:])
