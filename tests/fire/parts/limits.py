"""A caller who asks for far more than it may: what it gets, what others notice, and what is counted.

The server has a key with a limit of turns a minute. Its caller asks as fast as it can, while another caller
without limits goes on. Exactly the limit may begin, every other request is told when to come back, and what
`/usage` tells is what was answered. Then a server without a free place refuses requests one after another:
half of them within 10 ms.
"""

import concurrent.futures
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from servers import Model, Server, create, web
from table import Row

TURNS = 20
REQUESTS = 400
AT_ONCE = 16
# Of the other caller; one after another.
OTHERS = 20
PLACES, LONG_STREAM = 4, "[[scenario:slow_ttft(30000)]] take your time"
REFUSED_WITHIN = 0.010


def make_key(binary, path, name, *arguments):
    command = [binary, "keys", "new", name, *arguments]
    environment = {"API_KEYS_FILE": path, "PATH": os.environ["PATH"]}
    return subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout.strip()


def send(address, key, path="/chat", body=None):
    """Status, headers, body and seconds of one request."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "accept": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    start = time.monotonic()
    try:
        with web.open(urllib.request.Request(address + path, data, headers), timeout=60) as answer:
            return answer.status, answer.headers, json.load(answer), time.monotonic() - start
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, json.load(refused), time.monotonic() - start


def percentile(numbers, share):
    return sorted(numbers)[min(len(numbers) - 1, int(len(numbers) * share))]


def run(options):
    row = Row("limits", f"{REQUESTS} requests at a limit of {TURNS} a minute", REQUESTS)
    with tempfile.TemporaryDirectory() as folder, Model(options.binary) as model:
        path = os.path.join(folder, "keys.json")
        greedy = make_key(options.binary, path, "greedy", "--turns-per-minute", str(TURNS))
        modest = make_key(options.binary, path, "modest")
        database = f"sqlite://{folder}/threads.db"
        with Server(options.binary, API_KEYS_FILE=path, DATABASE_URL=database, GEMINI_BASE_URL=model.base_url) as server:
            measure(server.address, greedy, modest, row)
        return [row, full(options.binary, model)]


def full(binary, model):
    row = Row("limits", f"{REQUESTS} requests while all {PLACES} places are taken", REQUESTS)
    with Server(binary, MAX_STREAMS=str(PLACES), GEMINI_BASE_URL=model.base_url) as server:
        with contextlib.ExitStack() as streams:
            for _ in range(PLACES):
                streams.enter_context(begin_stream(server.address))
            answers = refusals(server.address)
        refused = [seconds for status, seconds in answers if status == 429]
        row.must(len(refused) == REQUESTS, f"{REQUESTS - len(refused)} were not refused")
        middle = statistics.median(refused or [0])
        row.must(middle < REFUSED_WITHIN, f"a refusal takes {1000 * middle:.0f} ms")
        row.seen = f"refused within {1000 * middle:.1f} ms (p50), {1000 * percentile(refused, 0.99):.1f} ms (p99)"
    return row


def begin_stream(address):
    """A stream that has begun, until it is closed."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    connection.request("POST", "/chatkit", json.dumps(create(LONG_STREAM)), headers)
    connection.getresponse().read(1)
    return contextlib.closing(connection)


def refusals(address):
    """Status and seconds of requests that come one after another."""
    answers, body = [], json.dumps({"message": "hello"})
    headers = {"content-type": "application/json", "accept": "application/json"}
    with contextlib.closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)) as connection:
        for _ in range(REQUESTS):
            start = time.monotonic()
            connection.request("POST", "/chat", body, headers)
            answer = connection.getresponse()
            answer.read()
            answers.append((answer.status, time.monotonic() - start))
    return answers


def measure(address, greedy, modest, row):
    def ask(number, key):
        return send(address, key, body={"message": f"say {number} back"})

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE + 1) as pool:
        other = pool.submit(lambda: [ask(number, modest) for number in range(OTHERS)])
        answers = list(pool.map(lambda number: ask(number, greedy), range(REQUESTS)))
        others = other.result()
    begun = [answer for answer in answers if answer[0] == 200]
    refused = [answer for answer in answers if answer[0] == 429]
    days = send(address, greedy, path="/usage")[2]["days"]
    row.lost = sum(answer[0] != 200 for answer in others)
    row.must(len(begun) == TURNS, f"{len(begun)} turns began")
    row.must(len(begun) + len(refused) == REQUESTS, "a request was neither answered nor refused")
    is_told = all(headers["retry-after"] and headers["ratelimit"] for _, headers, _, _ in refused)
    row.must(is_told, "a refusal does not say when to come back")
    row.must(sum(day["turns"] for day in days) == TURNS, f"/usage tells {days}")
    p99 = percentile([seconds for *_, seconds in refused], 0.99)
    slowest = max(seconds for *_, seconds in others)
    row.seen = f"{len(begun)} began; refused within {1000 * p99:.0f} ms (p99); others within {slowest:.1f} s"
