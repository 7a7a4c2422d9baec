"""Twice the load that the program can carry, while it gets a tenth of a core.

The server has one core and is stopped and continued so that it runs for 10 ms of every 100. Its capacity is what 64 users
get who each wait for their answer. Then requests come twice as fast, whether or not earlier ones are
answered (60 s, or `--seconds`). Whole answers must not fall below 90 % of the capacity, and those that
were accepted may take at most twice as long.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

from servers import Model, Server, create
from table import Row

RUNS, STANDS = 0.010, 0.090
USERS = 64
WARM_SECONDS, PEAK_SECONDS, LOAD_SECONDS = 4, 15, 60
# A person who gets no answer for so long is gone.
PATIENCE_SECONDS = 60
LEAST_GOODPUT, MOST_SLOWER = 0.9, 2
ONE_IN_SHORT_FORM = 5


# In a process of its own: threads of this one would wait for each other.
HOLD = """
import os, signal, sys, time
pid, runs, stands = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
due, parent = time.monotonic(), os.getppid()
while os.getppid() == parent:
    os.kill(pid, signal.SIGCONT)
    due += runs
    time.sleep(max(0, due - time.monotonic()))
    os.kill(pid, signal.SIGSTOP)
    due += stands
    time.sleep(max(0, due - time.monotonic()))
os.kill(pid, signal.SIGCONT)
"""


class Held:
    """Lets a process run for a tenth of the time."""

    def __init__(self, process):
        self.process = process

    def __enter__(self):
        arguments = [str(self.process.pid), str(RUNS), str(STANDS)]
        self.holder = subprocess.Popen([sys.executable, "-c", HOLD, *arguments])
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def on_core(number):
    """What starts here has one core: the server must not wait for those who ask it."""
    before = os.sched_getaffinity(0)
    cores = sorted(before)
    os.sched_setaffinity(0, {cores[number % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass
class Seen:
    """What came of all requests of one phase."""

    begun: float = 0
    whole: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    wrong: dict = field(default_factory=dict)
    ended: list = field(default_factory=list)

    def note(self, kind, seconds):
        if kind == "whole":
            self.whole.append(seconds)
            self.ended.append(time.monotonic() - self.begun)
        elif kind == "refused":
            self.refused.append(seconds)
        else:
            self.wrong[kind] = self.wrong.get(kind, 0) + 1

    def per_second(self, seconds):
        return sum(end <= seconds for end in self.ended) / seconds


def p99(times):
    return statistics.quantiles(times, n=100, method="inclusive")[98] if len(times) > 1 else 0.0


class Users:
    """Requests over connections that are kept, as a proxy in front of the server does."""

    def __init__(self, address):
        host, port = address.removeprefix("http://").split(":")
        self.place, self.idle = (host, int(port)), []
        stream = json.dumps(create("say it back"))
        short = json.dumps({"message": "say it back"})
        self.stream = self.request("/chatkit", stream, "text/event-stream")
        self.short = self.request("/chat", short, "application/json")

    def request(self, path, body, accept):
        head = f"POST {path} HTTP/1.1\r\nhost: {self.place[0]}\r\naccept: {accept}\r\ncontent-type: application/json\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()

    async def ask(self, seen):
        is_short = random.randrange(ONE_IN_SHORT_FORM) == 0
        begun = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                kind = await self.answer(self.short if is_short else self.stream)
        except TimeoutError:
            kind = "no answer"
        except (OSError, asyncio.IncompleteReadError) as error:
            kind = type(error).__name__
        seen.note(kind, time.monotonic() - begun)

    async def answer(self, request):
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection(*self.place)
        is_kept = False
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await self.body(head.lower(), reader)
            is_kept = b"connection: close" not in head.lower()
        finally:
            if is_kept:
                self.idle.append((reader, writer))
            else:
                writer.close()
        return verdict(head, body)

    async def body(self, head, reader):
        if b"content-length:" in head:
            return await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        return await reader.readuntil(b"\r\n0\r\n\r\n")

    def close(self):
        for _, writer in self.idle:
            writer.close()


def verdict(head, body):
    status = int(head.split(b" ")[1])
    if status == 429:
        return "refused" if b"retry-after:" in head.lower() else "429 without Retry-After"
    if status != 200:
        return str(status)
    if b'"outcome"' in body:
        return "whole" if b'"outcome":"completed"' in body else "not completed"
    if b'"type":"error"' in body:
        return "refused" if b'"allow_retry":true' in body and b"thread.created" not in body else "given up"
    return "whole" if b'"type":"assistant_message"' in body else "not whole"


async def closed_loop(users, seconds):
    """Everybody asks again when they have their answer."""
    seen = Seen(time.monotonic())

    async def user():
        while time.monotonic() < seen.begun + seconds:
            await users.ask(seen)

    await asyncio.gather(*(user() for _ in range(USERS)))
    return seen


async def open_loop(users, rate, seconds):
    seen, asking = Seen(time.monotonic()), set()
    due = seen.begun
    while due < seen.begun + seconds:
        due += random.expovariate(rate)
        await asyncio.sleep(max(0, due - time.monotonic()))
        one = asyncio.create_task(users.ask(seen))
        asking.add(one)
        one.add_done_callback(asking.discard)
    await asyncio.gather(*asking)
    return seen


async def measure(server, seconds):
    users = Users(server.address)
    await closed_loop(users, WARM_SECONDS)
    peak = await closed_loop(users, PEAK_SECONDS)
    capacity = peak.per_second(PEAK_SECONDS)
    load = await open_loop(users, 2 * capacity, seconds)
    begun = time.monotonic()
    again = Seen(begun)
    while not again.whole and time.monotonic() < begun + PATIENCE_SECONDS:
        await users.ask(again)
    users.close()
    return peak, load, time.monotonic() - begun


def meet(options, store, seconds):
    random.seed(options.seed)
    with on_core(1), Model(options.binary) as model:
        environment = {"GEMINI_BASE_URL": model.base_url, "GEMINI_MODEL": "fake:text_ten_chunks"}
        environment["DATABASE_URL"] = store
        with on_core(0), Server(options.binary, **environment) as server:
            with on_core(1), Held(server.process):
                peak, load, recovery = asyncio.run(measure(server, seconds))
    capacity, goodput = peak.per_second(PEAK_SECONDS), load.per_second(seconds)
    row = Row("load", f"{2 * capacity:.0f} requests a second, {store.split(':')[0]}", 1)
    row.times = len(load.whole) + len(load.refused) + sum(load.wrong.values())
    row.recovery_seconds = recovery
    share, slower = goodput / capacity, p99(load.whole) / p99(peak.whole)
    row.seen = (
        f"capacity {capacity:.0f}/s, goodput {share:.0%}; p99 {p99(peak.whole):.2f} -> {p99(load.whole):.2f} s; "
        f"refused {len(peak.refused)} at the peak, {len(load.refused)} then (p50 {statistics.median(load.refused or [0]):.3f} s); other {load.wrong or 'none'}"
    )
    row.must(share >= LEAST_GOODPUT, f"the goodput fell to {share:.0%}")
    row.must(slower <= MOST_SLOWER, f"the accepted took {slower:.1f} times as long")
    row.must(not load.wrong and not peak.wrong, f"neither answered nor refused: {peak.wrong} {load.wrong}")
    return row


def run(options):
    seconds = options.seconds or LOAD_SECONDS
    return [meet(options, store, seconds) for store in ("memory", "sqlite://threads.db")]
