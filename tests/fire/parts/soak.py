"""An hour of mixed use, and a burst of streams: memory does not grow (5 min, or `--seconds`).

People chat, read their threads, delete them, and send nonsense. After the first third the memory of the
process may not grow by more than 1 MiB an hour, as far as so short a time can tell. Then 5,000 streams come
at once; a minute after their end the process has at most twice what it had before. The program must be built as
the image is, with the feature `jemalloc` (ADR 36).
"""

import asyncio
import contextlib
import http.client
import json
import pathlib
import random
import resource
import statistics
import tempfile
import threading
import time

from parts.load import Users
from servers import Model, Server, create
from table import Row

SOAK_SECONDS, PEOPLE, EVERY_SECONDS = 300, 6, 1
MOST_GROWTH = 1
# A shorter run cannot tell 1 MiB an hour from noise: pages come in steps.
NOISE_MEGABYTES = 1
STREAMS, REST_SECONDS, MOST_TIMES = 5_000, 60, 2
# The others are refused, by as much as the machine is busy.
LEAST_WHOLE = 1_000
NONSENSE = (b"{", b"[]", b"null", b'{"message":1}', b"\xff\xfe", b'{"message":"' + b"x" * 30_000 + b'"}')


def resident(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Person(threading.Thread):
    """Does what people do, at random, one thing after the other."""

    def __init__(self, server, over, seed):
        super().__init__()
        self.host, self.over, self.chance = server.address.removeprefix("http://"), over, random.Random(seed)
        self.threads, self.done, self.wrong = [], 0, []
        self.start()

    def run(self):
        actions = (self.begin, self.begin, self.go_on, self.read, self.list, self.delete, self.err)
        while not self.over.is_set():
            try:
                self.chance.choice(actions)()
                self.done += 1
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.wrong.append(f"{type(error).__name__}: {error}")

    def post(self, path, body):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        with contextlib.closing(connection):
            headers = {"content-type": "application/json", "accept": "application/json"}
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def chatkit(self, kind, **params):
        status, body = self.post("/chatkit", json.dumps({"type": kind, "params": params}))
        if status != 200:
            raise ValueError(f"{kind}: {status}")
        return body

    def begin(self):
        _, told = self.post("/chat", json.dumps({"message": f"say {self.chance.random()}"}))
        self.threads.append(json.loads(told)["thread_id"])

    def go_on(self):
        if self.threads:
            content = create("and again")["params"]["input"]
            self.chatkit("threads.add_user_message", thread_id=self.chance.choice(self.threads), input=content)

    def read(self):
        if self.threads:
            self.chatkit("threads.get_by_id", thread_id=self.chance.choice(self.threads))

    def list(self):
        self.chatkit("threads.list", limit=20, order="desc")

    def delete(self):
        # So that the database, and what is cached of it, stays as large as it is.
        while len(self.threads) > 20:
            self.chatkit("threads.delete", thread_id=self.threads.pop(self.chance.randrange(len(self.threads))))

    def err(self):
        status, _ = self.post(self.chance.choice(("/chat", "/chatkit")), self.chance.choice(NONSENSE))
        if not 400 <= status < 500:
            raise ValueError(f"nonsense was answered with {status}")


def use(server, seconds, seed):
    """What the memory was, each second, and what went wrong."""
    over, memory = threading.Event(), []
    people = [Person(server, over, seed + number) for number in range(PEOPLE)]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(EVERY_SECONDS)
        memory.append(resident(server))
    over.set()
    for person in people:
        person.join()
    return memory, people


def soak(options, server):
    seconds = options.seconds or SOAK_SECONDS
    memory, people = use(server, seconds, options.seed)
    plateau = memory[len(memory) // 3:]
    tenth = max(1, len(plateau) // 10)
    growth = statistics.median(plateau[-tenth:]) - statistics.median(plateau[:tenth])
    row = Row("soak", f"{PEOPLE} people for {seconds:.0f} s, seed {options.seed}", sum(person.done for person in people))
    wrong = [what for person in people for what in person.wrong]
    hours = seconds / 3600
    row.seen = f"{plateau[0]:.0f} MiB, then {growth:+.1f} MiB in {len(plateau)} s"
    row.must(growth <= max(NOISE_MEGABYTES, MOST_GROWTH * hours), f"it grew by {growth:.1f} MiB")
    row.must(not wrong, f"{len(wrong)} failed: {wrong[:3]}")
    return row


async def burst(server):
    users = Users(server.address)
    body = json.dumps(create("[[scenario:slow_ttft(4000)]] all at once"))
    users.stream = users.short = users.request("/chatkit", body, "text/event-stream")
    outcomes = {}

    async def one():
        try:
            async with asyncio.timeout(90):
                kind = await users.answer(users.stream)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            kind = type(error).__name__
        outcomes[kind] = outcomes.get(kind, 0) + 1

    await asyncio.gather(*(one() for _ in range(STREAMS)))
    users.close()
    return outcomes


def crowd(server):
    before = resident(server)
    outcomes = asyncio.run(burst(server))
    highest = resident(server)
    time.sleep(REST_SECONDS)
    after = resident(server)
    row = Row("soak", f"{STREAMS} streams at once", STREAMS)
    row.lost = sum(count for kind, count in outcomes.items() if kind not in ("whole", "refused"))
    row.seen = f"{outcomes}; {before:.0f} MiB before, {highest:.0f} at the end, {after:.0f} after {REST_SECONDS} s"
    row.must(outcomes.get("whole", 0) >= LEAST_WHOLE, "too few were let in for this to say something")
    row.must(after <= MOST_TIMES * before, f"{after / before:.1f} times the memory after {REST_SECONDS} s")
    return row


def run(options):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * STREAMS), hard))
    try:
        with tempfile.TemporaryDirectory() as folder, Model(options.binary) as model:
            environment = {"GEMINI_BASE_URL": model.base_url, "GEMINI_MODEL": "fake:text_ten_chunks"}
            environment["_RJEM_MALLOC_CONF"] = "narenas:4"
            environment["DATABASE_URL"] = f"sqlite://{folder}/threads.db"
            with Server(options.binary, **environment) as server:
                return [soak(options, server), crowd(server)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
