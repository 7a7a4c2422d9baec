"""Two replicas on PostgreSQL and their todo server, killed at random moments while people add todos.

Each kill is SIGKILL, and the killed process starts again. A person whose request breaks off sends it again,
under the same key, to the other replica. At the end every acknowledged todo exists once, none twice, and
each thread takes the next message. 20 kills, or as many as fit into `--seconds`.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import tempfile
import threading
import time

from postgres import Postgres, free_port
from servers import Program, get
from table import Row

KILLS, USERS = 20, 4
# A thread of a killed replica is free for the other when its lease ends, after 15 s.
PATIENCE_SECONDS = 90
START_SECONDS = 30
REPLICA_LIMITS = {"MCP_BREAKER_SECONDS": "2", "TURN_TIMEOUT_SECONDS": "20", "MCP_TIMEOUT_SECONDS": "5"}


class Killed:
    """A process that is killed and started again at the same address."""

    def __init__(self, command, port, **environment):
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = kept | {"LOG_LEVEL": "warn", "LOG_FORMAT": "json", "LAME_DUCK_SECONDS": "0"} | environment
        self.command, self.address, self.log = command, f"http://127.0.0.1:{port}", tempfile.TemporaryFile()
        self.start()

    def start(self):
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": self.log}
        self.process = subprocess.Popen(self.command, env=self.environment, **quiet)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()


def wait_until_ready(address):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            return get(address + "/health/ready")
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{address} did not get ready")


class User:
    """Adds todos, each in a thread of its own, and asks again wherever somebody answers."""

    def __init__(self, number, replicas, over):
        self.number, self.replicas, self.over = number, replicas, over
        self.acknowledged, self.threads, self.tries, self.wrong = [], [], 0, []

    def run(self):
        count = 0
        while not self.over.is_set():
            count += 1
            title = f"Thing{self.number}x{count}"
            told = self.insist({"message": f"add {title}"}, title)
            if told is None:
                self.wrong.append(f"{title} could not be added for {PATIENCE_SECONDS} s")
                continue
            self.threads.append(told["thread_id"])
            done = [call for call in told["tool_calls"] if not call["is_error"] and title in str(call["result"])]
            if told["outcome"] == "completed" and done:
                self.acknowledged.append(title)

    def insist(self, body, key):
        """Asks until there is an answer that was completed: the same request, so the same answer."""
        until = time.monotonic() + PATIENCE_SECONDS
        place = self.number
        while time.monotonic() < until:
            self.tries += 1
            try:
                status, told = post(self.replicas[place % len(self.replicas)].address, body, key)
            except (OSError, http.client.HTTPException, ValueError):
                status, told = None, None
            if status == 200 and told["outcome"] == "completed":
                return told
            place += 1
            time.sleep(0.1)
        return None


def post(address, body, key):
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    try:
        headers = {"content-type": "application/json", "accept": "application/json", "idempotency-key": key}
        connection.request("POST", "/chat", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def strike(processes, chance, seconds):
    """Kills at random moments; each time the one that was killed before is back."""
    begun, kills = time.monotonic(), 0
    while kills < KILLS if seconds is None else time.monotonic() < begun + seconds:
        name = chance.choice(list(processes))
        time.sleep(chance.uniform(0, 1.5))
        processes[name].kill()
        kills += 1
        if name != "todos":
            wait_until_ready(processes[name].address)
    return kills


def run(options):
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, Postgres() as postgres:
        path = pathlib.Path(folder) / "todos.db"
        model_command = [options.binary, "demo-model", "--listen", "127.0.0.1:0"]
        todo_port = free_port()
        todo_command = [options.binary, "todo", "--http", f"127.0.0.1:{todo_port}"]
        with Program(model_command, {}, "base_url") as model, \
                Killed(todo_command, todo_port, TODO_DATABASE_URL=f"sqlite://{path}") as todos:
            environment = {
                "GEMINI_API_KEY": "key", "GEMINI_BASE_URL": model.address + "/v1beta/openai", "HOST": "127.0.0.1",
                "MCP_SERVER_URL": todos.address + "/mcp", "DATABASE_URL": postgres.url(), **REPLICA_LIMITS,
            }
            first, second = free_port(), free_port()
            serve = [options.binary, "serve"]
            with Killed(serve, first, PORT=str(first), **environment) as one, \
                    Killed(serve, second, PORT=str(second), **environment) as two:
                return [met(options, {"one": one, "two": two, "todos": todos}, path, chance)]


def met(options, processes, path, chance):
    replicas = [processes["one"], processes["two"]]
    for replica in replicas:
        wait_until_ready(replica.address)
    over = threading.Event()
    users = [User(number, replicas, over) for number in range(USERS)]
    with concurrent.futures.ThreadPoolExecutor(USERS) as pool:
        running = [pool.submit(user.run) for user in users]
        try:
            kills = strike(processes, chance, options.seconds)
        finally:
            over.set()
        begun = time.monotonic()
        for one in running:
            one.result()
    row = Row("kill", f"SIGKILL of 2 replicas and a todo server, seed {options.seed}", kills)
    row.recovery_seconds = time.monotonic() - begun
    judge(row, users, titles(path))
    return row


def titles(path):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return [title for (title,) in database.execute("SELECT title FROM todos")]


def judge(row, users, there):
    acknowledged = [title for user in users for title in user.acknowledged]
    row.lost = sum(title not in there for title in acknowledged)
    twice = sorted({title for title in there if there.count(title) > 1})
    row.must(not twice, f"{len(twice)} exist twice: {twice[:5]}")
    row.must(not any(user.wrong for user in users), str([what for user in users for what in user.wrong][:5]))
    row.must(len(acknowledged) >= row.times / 2, "too little was asked for while it was killed")
    stuck = [thread for user in users for thread in user.threads[-20:] if not takes_messages(user, thread)]
    row.must(not stuck, f"{len(stuck)} threads take no message: {stuck[:3]}")
    tries = sum(user.tries for user in users)
    row.seen = f"{len(acknowledged)} todos acknowledged, {tries} requests; {len(there)} todos there"


def takes_messages(user, thread):
    told = user.insist({"message": "what is on my list?", "thread_id": thread}, f"again-{thread}")
    return told is not None
