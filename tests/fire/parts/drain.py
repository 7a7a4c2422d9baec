"""Rolling restarts of two replicas behind nginx, under 200 streams: nothing is refused, cut or lost.

Two restarts unless --seconds says for how long; twenty take about five minutes. The replicas share a PostgreSQL,
nginx has the configuration of specs/nginx.conf, and each of 200 people adds one todo after the other. Every answer
must come whole, and every todo that was acknowledged must exist exactly once.
"""

import http.client
import json
import random
import re
import threading
import time
from collections import Counter

from nginx import Nginx
from postgres import Postgres, free_port
from servers import Model, Server, create
from table import Row

PEOPLE = 200
RESTARTS = 2
LETTERS = "bcdfghjklmnpqrstvwxz"

# An answer takes twenty seconds, so that 200 people are 200 streams on a small machine.
PACE = ("--agent", "brain", "--knobs", "ttft=9000,chunk=250,chars=2-6")

# They come one after the other.
FIRST_SECONDS = 20
# Far longer than a turn may take.
TURN_SECONDS = 150
# A deployment waits until a replica is ready, and then for a moment.
BETWEEN_SECONDS = 1


def title(number):
    """A word that is none, another one for each number."""
    letters = []
    for _ in range(5):
        number, letter = divmod(number, len(LETTERS))
        letters.append(LETTERS[letter])
    return "zu" + "".join(letters)


class Load:
    """What 200 people ask, and what came of it."""

    def __init__(self, port):
        self.port, self.lock, self.is_over = port, threading.Lock(), threading.Event()
        self.count, self.acknowledged, self.refused, self.cut, self.others = 0, [], [], [], []
        self.people = [threading.Thread(target=self.person, args=(seed,)) for seed in range(PEOPLE)]
        for person in self.people:
            person.start()

    def person(self, seed):
        pauses = random.Random(seed)
        self.is_over.wait(pauses.uniform(0, FIRST_SECONDS))
        while not self.is_over.is_set():
            with self.lock:
                self.count += 1
                number = self.count
            self.add(title(number))
            self.is_over.wait(pauses.uniform(0, 1))

    def add(self, todo):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TURN_SECONDS)
        try:
            body = json.dumps(create(f"add {todo}"))
            connection.request("POST", "/chatkit", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                self.refused.append(f"{answer.status} {text[:80]}")
                return
            self.judge(todo, [json.loads(line[6:]) for line in text.splitlines() if line.startswith(b"data: ")])
        except (OSError, http.client.HTTPException) as error:
            # No answer at all is a refusal; half of one is cut.
            (self.cut if isinstance(error, http.client.IncompleteRead) else self.refused).append(repr(error))
        finally:
            connection.close()

    def judge(self, todo, events):
        errors = [event["message"] for event in events if event["type"] == "error"]
        texts = [
            part["text"] for event in events for part in event.get("item", {}).get("content", [])
            if event["type"] == "thread.item.done" and event["item"]["type"] == "assistant_message"
        ]
        if errors:
            (self.refused if "restarting" in errors[0] else self.others).append(errors[0])
        elif not texts:
            self.cut.append("an answer without its end")
        elif f"added: {todo}" in texts[-1].lower():
            self.acknowledged.append(todo)
        else:
            self.others.append(texts[-1][:80])

    def end(self):
        self.is_over.set()
        for person in self.people:
            person.join()


class Replicas:
    def __init__(self, binary, environment):
        self.binary, self.environment = binary, environment
        self.ports = [free_port(), free_port()]
        self.running = [self.start(port) for port in self.ports]

    def start(self, port):
        return Server(self.binary, PORT=str(port), LAME_DUCK_SECONDS="5", DRAIN_SECONDS="60", **self.environment)

    def restart(self, place):
        """How long the replica takes to end."""
        old, begin = self.running[place], time.monotonic()
        old.process.terminate()
        code = old.process.wait(90)
        seconds = time.monotonic() - begin
        old.close()
        self.running[place] = self.start(self.ports[place])
        return code, seconds

    def close(self):
        for server in self.running:
            server.close()


def rolling(options, replicas, row):
    begin, slowest = time.monotonic(), 0
    while row.times < RESTARTS or options.seconds and time.monotonic() - begin < options.seconds:
        code, seconds = replicas.restart(row.times % 2)
        row.must(code == 0, f"restart {row.times + 1} ended with {code}")
        row.times, slowest = row.times + 1, max(slowest, seconds)
        time.sleep(BETWEEN_SECONDS)
    return slowest


def judge(row, load, titles):
    kept = Counter(titles)
    row.lost = sum(kept[todo] == 0 for todo in load.acknowledged)
    twice = [todo for todo, count in kept.items() if count > 1]
    for what, found in (("refused", load.refused), ("cut", load.cut), ("other", load.others), ("made twice", twice)):
        row.must(not found, f"{len(found)} {what}, such as {found[:3]}")
    row.must(load.acknowledged, "nothing was acknowledged")


def run(options):
    row = Row("drain", f"rolling restarts behind nginx, {PEOPLE} streams", 0)
    with Postgres() as postgres, Model(options.binary, *PACE) as model:
        environment = {
            "GEMINI_BASE_URL": model.base_url, "GEMINI_MODEL": "gemini-2.5-flash",
            "DATABASE_URL": postgres.create("threads"), "TODO_DATABASE_URL": postgres.create("todos"),
        }
        replicas = Replicas(options.binary, environment)
        try:
            with Nginx(replicas.ports) as nginx:
                load = Load(nginx.port)
                try:
                    time.sleep(FIRST_SECONDS)
                    slowest = rolling(options, replicas, row)
                finally:
                    load.end()
                told = Counter(re.sub(r"^.*?\*\d+ |, client:.*", "", line) for line in nginx.lines().splitlines())
        finally:
            replicas.close()
        titles = [title.lower() for title, in postgres.query("todos", "SELECT title FROM todos")]
    judge(row, load, titles)
    if row.wrong:
        print("What nginx told:", *(f"{count} x {line}" for line, count in told.most_common(8)), sep="\n  ")
    row.seen = f"{load.count} requests, {len(load.acknowledged)} acknowledged; the slowest end took {slowest:.0f} s"
    return [row]
