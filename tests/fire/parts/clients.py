"""Slow clients by the thousand: what they cost the others, in time and memory.

2,000 idle connections, 500 readers that stop, 300 bodies and 500 heads that do not end; what the server closes is
opened again. First each kind alone, for the memory. Then all at once: windows without and with them take turns,
three of each unless --seconds says for how long. The others' p99 may rise by a tenth, or by as much as it differs
between the quiet windows themselves; memory may rise by 64 MiB, with all of them.
"""

import http.client
import json
import os
import resource
import selectors
import socket
import statistics
import threading
import time
import urllib.parse

from servers import Server
from table import Row

PAIRS = 3
WINDOW_SECONDS = 8
OTHERS = 4
SETTLE_SECONDS = 30
LOOK_SECONDS = 0.5
MOST_SLOWER = 1.1
MOST_MEMORY = 64 * 1024 * 1024

HOST = b"host: localhost\r\n"
# The script of the page, again and again: more than the sockets hold.
ANSWERS = (b"GET /page.js HTTP/1.1\r\n" + HOST + b"\r\n") * 20
BODY = b"POST /chat HTTP/1.1\r\n" + HOST + b"content-type: application/json\r\ncontent-length: 1000000\r\n\r\n"
HEAD = b"GET / HTTP/1.1\r\n" + HOST + b"x-long: " + b"x" * 15_000

# Of each kind how many there are, and what they say before they fall silent.
KINDS = {
    "idle connections": (2_000, b""),
    "readers that stop": (500, ANSWERS),
    "bodies that do not end": (300, BODY + b" " * 900_000),
    "heads that do not end": (500, HEAD),
}


class Slow:
    """Connections that say little or hear nothing, each opened again when the server closes it."""

    def __init__(self, address, kinds):
        self.address, self.selector = address, selectors.DefaultSelector()
        self.open, self.renewed, self.is_over = set(), 0, threading.Event()
        for count, says in kinds:
            for _ in range(count):
                self.connect(says)
        self.thread = threading.Thread(target=self.keep)
        self.thread.start()

    def connect(self, says):
        client = socket.socket()
        if says is ANSWERS:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(self.address)
        client.setblocking(False)
        self.open.add(client)
        waits_for = selectors.EVENT_READ | (selectors.EVENT_WRITE if says else 0)
        self.selector.register(client, waits_for, [says, memoryview(says)])

    def keep(self):
        while not self.is_over.is_set():
            for key, events in self.selector.select(0.1):
                self.serve(key.fileobj, key.data, events)

    def serve(self, client, data, events):
        says, left = data
        try:
            if events & selectors.EVENT_WRITE:
                data[1] = left = left[client.send(left):]
                if not left and says is ANSWERS:
                    # It reads nothing from now on, so nothing can be heard of its end.
                    self.selector.unregister(client)
                elif not left:
                    self.selector.modify(client, selectors.EVENT_READ, data)
            elif says is not ANSWERS and not client.recv(4_096):
                self.renew(client, says)
        except BlockingIOError:
            pass
        except OSError:
            self.renew(client, says)

    def renew(self, client, says):
        self.selector.unregister(client)
        self.open.discard(client)
        client.close()
        self.renewed += 1
        self.connect(says)

    def close(self):
        self.is_over.set()
        self.thread.join()
        self.selector.close()
        for client in self.open:
            client.close()


class Others:
    """People who are answered one message after the other."""

    def __init__(self, address):
        self.address = address

    def window(self, seconds=WINDOW_SECONDS):
        """The times of all answers, in seconds."""
        until, times, wrong = time.monotonic() + seconds, [], []

        def person():
            connection = http.client.HTTPConnection(*self.address, timeout=30)
            while time.monotonic() < until:
                begin = time.monotonic()
                headers = {"content-type": "application/json", "accept": "application/json"}
                connection.request("POST", "/chat", json.dumps({"message": "hello"}), headers)
                answer = json.load(connection.getresponse())
                times.append(time.monotonic() - begin)
                if answer.get("outcome") != "completed":
                    wrong.append(answer)
            connection.close()

        people = [threading.Thread(target=person) for _ in range(OTHERS)]
        for one in people:
            one.start()
        for one in people:
            one.join()
        return times, wrong


def p99(times):
    return statistics.quantiles(times, n=100)[98]


def memory(process):
    """What the process has in memory, in bytes."""
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def settle(server):
    """Waits until what the slow clients asked for is done: from then on they cost only what they hold."""
    until, before = time.monotonic() + SETTLE_SECONDS, worked(server.process)
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        now = worked(server.process)
        if now - before < LOOK_SECONDS / 10:
            return
        before = now
    raise RuntimeError("it does not come to rest")


def worked(process):
    """The processor time that the process has used, in seconds."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def place(server):
    parts = urllib.parse.urlsplit(server.address)
    return parts.hostname, parts.port


def alone(binary, name):
    """The memory that one kind takes."""
    count, says = KINDS[name]
    row = Row("clients", f"{count} {name}", 1)
    with Server(binary, GEMINI_API_KEY="") as server:
        Others(place(server)).window(WINDOW_SECONDS / 4)
        before, slow = memory(server.process), Slow(place(server), [KINDS[name]])
        try:
            settle(server)
            Others(place(server)).window(WINDOW_SECONDS / 4)
            grown = memory(server.process) - before
        finally:
            slow.close()
    row.seen = f"memory {mebibytes(grown)}"
    row.must(grown < MOST_MEMORY, f"memory grew by {grown} bytes")
    return row


def mebibytes(count):
    return f"{count / 1024 / 1024:+.0f} MiB"


def windows(server, address, seconds):
    others, begin, wrong = Others(address), time.monotonic(), []
    # The first requests are slower than all others.
    others.window()
    quiet, loud, renewed = [], [], 0
    while len(quiet) < PAIRS or seconds and time.monotonic() - begin < seconds:
        times, bad = others.window()
        quiet.append((p99(times), memory(server.process)))
        wrong += bad
        slow = Slow(address, KINDS.values())
        try:
            settle(server)
            times, bad = others.window()
            loud.append((p99(times), memory(server.process)))
        finally:
            slow.close()
        wrong, renewed = wrong + bad, renewed + slow.renewed
    return quiet, loud, renewed, wrong


def together(binary, seconds):
    with Server(binary, GEMINI_API_KEY="") as server:
        quiet, loud, renewed, wrong = windows(server, place(server), seconds)
    times = [p99 for p99, _ in quiet]
    before, during = statistics.median(times), statistics.median(p99 for p99, _ in loud)
    spread, ratio = max(times) / min(times), during / before
    # Against the first quiet window: what is not given back counts as well.
    grown = max(size for _, size in loud) - quiet[0][1]
    row = Row("clients", "all of them at once", len(loud))
    row.seen = (
        f"p99 of others {before * 1000:.0f} -> {during * 1000:.0f} ms (x{ratio:.2f}; quiet windows differ by"
        f" x{spread:.2f}), memory {mebibytes(grown)}, {renewed} opened again"
    )
    row.must(not wrong, f"{len(wrong)} answers of others were not complete, such as {wrong[:1]}")
    row.must(ratio <= max(MOST_SLOWER, spread), f"the others' p99 rose to x{ratio:.2f}")
    row.must(grown < MOST_MEMORY, f"memory grew by {grown} bytes")
    return row


def run(options):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows = [alone(options.binary, name) for name in KINDS]
    return [*rows, together(options.binary, options.seconds)]
