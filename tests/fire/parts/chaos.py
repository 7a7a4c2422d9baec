"""A random walk of faults on the links to the model, the todo server and the database (60 s, or `--seconds`).

Users add todos all the while. Whatever happens to a link, each request must end in exactly one outcome
within its deadline; what was acknowledged must exist once at the end and nothing twice; and once the
links are well again, the program works, with the files and the memory it had before.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import sqlite3
import tempfile
import threading
import time

from link import FAULTS, Link
from postgres import Postgres
from servers import Program, Server, create, get
from table import Row

WALK_SECONDS, USERS = 60, 6
TURN_SECONDS, SLACK_SECONDS = 12, 6
RECOVERY_SECONDS = 45
# Growth is judged against what the program has after it has met each fault once.
MOST_FILES, MOST_MEGABYTES = 40, 48
LIMITS = {
    "REQUEST_TIMEOUT_SECONDS": "3", "STALL_TIMEOUT_SECONDS": "3", "MCP_TIMEOUT_SECONDS": "4",
    "TURN_TIMEOUT_SECONDS": str(TURN_SECONDS), "MODEL_BREAKER_SECONDS": "3", "MCP_BREAKER_SECONDS": "3",
}


class Todos(Program):
    """The bundled todo server over HTTP."""

    def __init__(self, binary):
        self.store = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.store.name) / "todos.db"
        command = [binary, "todo", "--http", "127.0.0.1:0"]
        super().__init__(command, {"TODO_DATABASE_URL": f"sqlite://{self.path}"}, "istening on http")

    def titles(self):
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as database:
            return [title for (title,) in database.execute("SELECT title FROM todos")]

    def close(self):
        super().close()
        self.store.cleanup()


class User:
    """Adds one todo after the other, each under a key of its own, and notes what it was told."""

    def __init__(self, number, address, over):
        self.number, self.address, self.over = number, address, over
        self.acknowledged, self.asked, self.wrong, self.outcomes = [], [], [], {}

    def run(self):
        count = 0
        while not self.over.is_set():
            count += 1
            title = f"Thing{self.number}x{count}"
            self.asked.append(title)
            begun = time.monotonic()
            ask = self.short if count % 2 else self.stream
            try:
                kind, is_done = ask(f"add {title}", title)
            except (OSError, http.client.HTTPException, ValueError) as error:
                kind, is_done = f"broken: {type(error).__name__}", False
                self.wrong.append(f"{title}: {kind}: {error}")
            self.outcomes[kind] = self.outcomes.get(kind, 0) + 1
            if is_done:
                self.acknowledged.append(title)
            if time.monotonic() - begun > 2 * TURN_SECONDS + SLACK_SECONDS:
                self.wrong.append(f"{title} took {time.monotonic() - begun:.0f} s")
            # A person reads, and reads longer what failed.
            time.sleep(0.1 if is_done else 0.5)

    def post(self, path, body, accept, key):
        host = self.address.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=4 * TURN_SECONDS)
        headers = {"content-type": "application/json", "accept": accept, "idempotency-key": key}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        whole = answer.read()
        connection.close()
        return answer.status, whole

    def short(self, message, title):
        status, body = self.post("/chat", {"message": message}, "application/json", title)
        told = json.loads(body)
        if status != 200:
            return str(status), False
        done = any(not call["is_error"] and title in str(call["result"]) for call in told["tool_calls"])
        return told["outcome"], told["outcome"] == "completed" and done

    def stream(self, message, title):
        status, body = self.post("/chatkit", create(message), "text/event-stream", title)
        if status != 200:
            return str(status), False
        events = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: ")]
        errors = [event for event in events if event["type"] == "error"]
        items = [event["item"] for event in events if event["type"] == "thread.item.done"]
        answers = [item for item in items if item["type"] == "assistant_message"]
        last = [event["type"] for event in events if event["type"] != "thread.updated"][-1]
        if len(errors) > 1 or errors and last != "error" or not errors and not answers:
            self.wrong.append(f"{title}: no single outcome: {[event['type'] for event in events][-6:]}")
        if errors:
            return "error event", False
        tasks = [task for item in items if item["type"] == "workflow" for task in item["workflow"]["tasks"]]
        done = any(title in json.dumps(task) and task.get("status_indicator") == "complete" for task in tasks)
        return "completed", done


def footprint(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0]) / 1024
    return len(os.listdir(f"/proc/{pid}/fd")), resident


def walk(links, chance, seconds, counts):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        name, fault = chance.choice(list(links)), chance.choice(FAULTS)
        links[name].become(fault)
        counts[name, fault] = counts.get((name, fault), 0) + 1
        time.sleep(min(chance.uniform(0.5, 4), max(0, until - time.monotonic())))
        links[name].become(None)
        time.sleep(chance.uniform(0, 0.5))


def recovery(server, number):
    """Until a todo can be added again."""
    begun, over = time.monotonic(), threading.Event()
    user = User(number, server.address, over)
    for attempt in range(1_000):
        title = f"Thing{number}y{attempt}"
        user.asked.append(title)
        try:
            _, is_done = user.short(f"add {title}", title)
        except (OSError, http.client.HTTPException, ValueError):
            is_done = False
        if is_done:
            user.acknowledged.append(title)
            return time.monotonic() - begun, user
        if time.monotonic() - begun > RECOVERY_SECONDS:
            return None, user
        time.sleep(0.25)


def users_for(server, work, first):
    over = threading.Event()
    users = [User(first + number, server.address, over) for number in range(USERS)]
    with concurrent.futures.ThreadPoolExecutor(USERS) as pool:
        running = [pool.submit(user.run) for user in users]
        try:
            work()
        finally:
            over.set()
        for one in running:
            one.result()
    return users


def run(options):
    chance, counts = random.Random(options.seed), {}
    model_command = [options.binary, "demo-model", "--listen", "127.0.0.1:0"]
    with Postgres() as postgres, Program(model_command, {}, "base_url") as model, Todos(options.binary) as todos:
        places = {"model": model.address, "todos": todos.address, "database": f"http://127.0.0.1:{postgres.port}"}
        links = {}
        for name, address in places.items():
            host, port = address.removeprefix("http://").split(":")
            links[name] = Link((host, int(port)), options.seed)
        environment = {
            "GEMINI_BASE_URL": f"http://127.0.0.1:{links['model'].port}/v1beta/openai",
            "MCP_SERVER_URL": f"http://127.0.0.1:{links['todos'].port}/mcp",
            "DATABASE_URL": postgres.url(port=links["database"].port), **LIMITS,
        }
        try:
            with Server(options.binary, **environment) as server:
                return [met(options, server, links, todos, chance, counts)]
        finally:
            for link in links.values():
                link.close()


def met(options, server, links, todos, chance, counts):
    seconds = options.seconds or WALK_SECONDS
    pid = server.process.pid
    # Each fault once, so that buffers, pools and connections are what a used process has.
    users = users_for(server, lambda: once(links), 100)
    before = settled(server, pid)
    users += users_for(server, lambda: walk(links, chance, seconds, counts), 200)
    took, last = recovery(server, 300)
    users.append(last)
    after = settled(server, pid)
    row = Row("chaos", f"{len(FAULTS)} faults on 3 links for {seconds:.0f} s, seed {options.seed}", sum(counts.values()))
    row.recovery_seconds = took
    judge(row, users, todos.titles(), before, after)
    row.must(took is not None, f"nothing could be added {RECOVERY_SECONDS} s after the last fault")
    row.must(server.process.poll() is None, "the process is gone")
    return row


def once(links):
    for link in links.values():
        for fault in FAULTS:
            link.become(fault)
            time.sleep(0.5)
            link.become(None)
            time.sleep(0.1)


def settled(server, pid):
    """What the process holds when nothing has been asked for a moment."""
    time.sleep(5)
    get(server.address + "/health/live")
    return footprint(pid)


def judge(row, users, titles, before, after):
    acknowledged = [title for user in users for title in user.acknowledged]
    asked = {title for user in users for title in user.asked}
    row.lost = sum(title not in titles for title in acknowledged)
    twice = {title for title in titles if titles.count(title) > 1}
    row.must(not twice, f"{len(twice)} exist twice: {sorted(twice)[:5]}")
    row.must(set(titles) <= asked, f"nobody asked for {sorted(set(titles) - asked)[:5]}")
    wrong = [what for user in users for what in user.wrong]
    row.must(not wrong, f"{len(wrong)} without one outcome: {wrong[:3]}")
    files, memory = after[0] - before[0], after[1] - before[1]
    row.must(files <= MOST_FILES, f"{files} more files are open than before")
    row.must(memory <= MOST_MEGABYTES, f"{memory:.0f} MiB more memory than before")
    outcomes = {}
    for user in users:
        for kind, count in user.outcomes.items():
            outcomes[kind] = outcomes.get(kind, 0) + count
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(outcomes.items()))
    row.seen = f"{len(acknowledged)} todos acknowledged of {len(asked)}; {told}; files {files:+}, memory {memory:+.0f} MiB"
