"""The callers of a soak that do not behave: they leave early, read slowly, ask for what is not there."""
import json
import socket
import struct
import threading

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Book:
    """What the callers did, and what came back that should not have."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts, self.unexpected = {}, {}

    def count(self, name):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1

    def complain(self, text):
        with self.lock:
            self.unexpected[text] = self.unexpected.get(text, 0) + 1


class Caller:
    """Does one thing again and again. A refused connection is a complaint; so is a status other than
    the expected one, when the gateway is held to it."""

    name, pause, expect = "caller", 1.0, (200,)

    def __init__(self, gateway, book, over, rng, strict):
        self.port, self.key = gateway.port, gateway.key
        self.book, self.over, self.rng, self.strict = book, over, rng, strict

    def run(self):
        while not self.over.wait(self.pause * self.rng.uniform(0.5, 1.5)):
            try:
                status = self.once()
            except OSError as e:
                if not self.over.is_set():
                    self.book.complain(f"{self.name}: {type(e).__name__}")
                continue
            self.book.count(self.name)
            if self.strict and status is not None and status not in self.expect:
                self.book.complain(f"{self.name}: status {status}")

    def once(self):
        raise NotImplementedError

    def word(self, size):
        return "".join(self.rng.choice(LETTERS) for _ in range(size))

    def open(self, small=False):
        s = socket.socket()
        s.settimeout(15)
        if small:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", self.port))
        return s

    def send(self, s, body, key=None, path="/v1/chat/completions"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        s.sendall(f"POST {path} HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer {key or self.key}\r\n"
                  f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data)

    def chat(self, **more):
        return {"model": "bench-chat", "messages": [{"role": "user", "content": "soak " + self.word(12)}],
                "max_tokens": 64} | more

    def stream(self, chunks, delay_us):
        text = f"<bench chunks={chunks} delay_us={delay_us}> soak"
        return self.chat(stream=True, messages=[{"role": "user", "content": text}], max_tokens=4096)

    def status(self, s):
        """Reads a whole short answer and returns its status."""
        got = b""
        while b"\r\n\r\n" not in got:
            piece = s.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            got += piece
        return int(got.split(b" ", 2)[1])

    @staticmethod
    def drop(s, hard):
        """Closes; the hard way resets the connection."""
        if hard:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


class Leaver(Caller):
    """Leaves in the middle of a stream."""

    name, pause = "streams left early", 0.4

    def once(self):
        s = self.open()
        try:
            self.send(s, self.stream(2000, 5000))
            for _ in range(self.rng.randint(1, 30)):
                if not s.recv(4096):
                    raise ConnectionError("closed")
        finally:
            self.drop(s, self.rng.random() < 0.5)


class HalfSender(Caller):
    """Announces a body and leaves before it is sent."""

    name, pause = "half requests", 1.5

    def once(self):
        s = self.open()
        data = json.dumps(self.chat()).encode()
        s.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: soak\r\nauthorization: Bearer {self.key}\r\n"
                  f"content-type: application/json\r\ncontent-length: {len(data) + 5000}\r\n\r\n".encode() + data)
        self.over.wait(0.2)
        self.drop(s, self.rng.random() < 0.5)


class Impatient(Caller):
    """Sends a request and leaves before the answer."""

    name, pause = "answers not waited for", 0.7

    def once(self):
        s = self.open()
        self.send(s, self.chat())
        self.drop(s, True)


class Stranger(Caller):
    """Tries keys that are not on file, each another one."""

    name, pause, expect = "bad keys", 0.1, (401,)

    def once(self):
        with self.open() as s:
            prefix = self.rng.choice(["sk-tg-live-", "sk-tg-test-", "sk-", ""])
            self.send(s, self.chat(), key=prefix + self.word(self.rng.randint(8, 48)))
            return self.status(s)


class Explorer(Caller):
    """Asks for models that do not exist, each another one."""

    name, pause, expect = "unknown models", 0.1, (404,)

    def once(self):
        with self.open() as s:
            self.send(s, self.chat(model="no-such-" + self.word(16)))
            return self.status(s)


class Mumbler(Caller):
    """Sends bodies that are not requests."""

    name, pause, expect = "bad bodies", 0.5, (400, 404, 413, 415, 422)

    def once(self):
        with self.open() as s:
            self.send(s, self.rng.choice([b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"model":7}', b'{"model":"' + b"x" * 20000]))
            return self.status(s)


class SlowReader(Caller):
    """Reads a fast stream slowly, through a small window; gives up after a while."""

    name, pause = "slow readers", 2.0

    def once(self):
        s = self.open(small=True)
        try:
            self.send(s, self.stream(6000, 0))
            self.sip(s)
        finally:
            self.drop(s, self.rng.random() < 0.5)

    def sip(self, s):
        for _ in range(self.rng.randint(50, 400)):
            if not s.recv(2048) or self.over.wait(0.02):
                return


class SlowBulkReader(SlowReader):
    """Reads a big embeddings answer slowly and gives up."""

    name, pause = "slow readers of big answers", 5.0

    def once(self):
        s = self.open(small=True)
        try:
            self.send(s, {"model": "bench-embed", "input": ["soak"]}, path="/v1/embeddings")
            self.sip(s)
        finally:
            self.drop(s, self.rng.random() < 0.5)


class Sleeper(Caller):
    """Opens a connection, says nothing for a while and leaves."""

    name, pause = "silent connections", 1.0

    def once(self):
        s = self.open()
        self.over.wait(self.rng.uniform(0.5, 4.0))
        self.drop(s, False)


CALLERS = [Leaver, Leaver, HalfSender, Impatient, Stranger, Explorer, Mumbler, SlowReader, SlowReader, SlowBulkReader, Sleeper]
