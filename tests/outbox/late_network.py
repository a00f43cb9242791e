# SPDX-License-Identifier: MIT
#
# LateNetwork: stands between clients and a server, and can hold up what the clients of the moment have sent, until it is
# told to let it go. What a client has sent reaches the server then, though the client may long be dead.

import queue
import socket
import threading


class LateNetwork:
    def __init__(self, server):
        self.server = server
        self.ways = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def hold(self):
        """Those that connect from now on are not concerned."""
        with self.lock:
            for way in self.ways:
                way.is_open.clear()

    def release(self):
        with self.lock:
            for way in self.ways:
                way.is_open.set()
            self.ways = [way for way in self.ways if not way.is_over]

    def close(self):
        self.release()
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.server))
            except OSError:
                client.close()
                continue
            with self.lock:
                self.ways.append(Way(client, server))


class Way:
    """One connection: what the client sends is read at once, and kept here until it may go on."""

    def __init__(self, client, server):
        self.client = client
        self.server = server
        self.sent = queue.Queue()
        self.is_open = threading.Event()
        self.is_open.set()
        self.is_over = False
        for run in (self.take, self.hand_on, self.answer):
            threading.Thread(target=run, daemon=True).start()

    def take(self):
        while True:
            try:
                data = self.client.recv(65536)
            except OSError:
                data = b""
            self.sent.put(data)
            if not data:
                return

    def hand_on(self):
        try:
            while True:
                data = self.sent.get()
                self.is_open.wait()
                if not data:
                    self.server.shutdown(socket.SHUT_WR)
                    return
                self.server.sendall(data)
        except OSError:
            pass

    def answer(self):
        is_heard = True
        while True:
            try:
                data = self.server.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            if is_heard:
                try:
                    self.client.sendall(data)
                except OSError:
                    is_heard = False
        for end in (self.client, self.server):
            end.close()
        self.is_over = True
