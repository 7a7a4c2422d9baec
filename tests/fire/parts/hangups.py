"""A caller who hangs up at the first words of every answer, before its provider has counted anything.

It has a limit of tokens a day. Its day must end all the same, and what is counted for it must be told as an
estimate, and never as a cost.
"""

import contextlib
import http.client
import json
import os
import tempfile
import time

from parts.limits import make_key, send
from servers import Model, Server
from table import Row

TOKENS = 10000
# Far more than end a day of that many tokens.
MOST_TURNS = 60
COUNTED_SECONDS = 10
# A server that counts in its last chunk, and writes slowly enough to be left.
COUNTS_LAST = "dialect=openai,chunk=100,chars=4-8"


def run(options):
    row = Row("hangups", f"a caller hangs up at the first words, {TOKENS} tokens a day", 0)
    with tempfile.TemporaryDirectory() as folder, Model(options.binary, "--knobs", COUNTS_LAST) as model:
        path = os.path.join(folder, "keys.json")
        key = make_key(options.binary, path, "hasty", "--tokens-per-day", str(TOKENS))
        database = f"sqlite://{folder}/threads.db"
        with Server(options.binary, API_KEYS_FILE=path, DATABASE_URL=database, GEMINI_BASE_URL=model.base_url) as server:
            while row.times < MOST_TURNS and hang_up(server.address, key):
                row.times += 1
                usage = counted(server.address, key, row.times)
    row.must(0 < row.times < MOST_TURNS, f"{row.times} turns began")
    if row.times:
        judge(usage, row)
    return [row]


def judge(usage, row):
    # Limits are of today, also if a day ended meanwhile.
    [limit], day = usage["limits"], max(usage["days"], key=lambda day: day["day"])
    known = day["input_tokens"] + day["output_tokens"] + day["thinking_tokens"]
    row.must(known + day["estimated_tokens"] == limit["used"], f"/usage tells {usage}")
    row.must(day["cost_usd"] is None, "an estimate is told as a cost")
    row.seen = f"{row.times} began; {day['estimated_tokens']} tokens estimated, {known} known"


def hang_up(address, key):
    """Leaves an answer at its first words; false if the turn was refused."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with contextlib.closing(connection):
        connection.request("POST", "/chat", json.dumps({"message": "tell me a long story"}), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            return False
        for line in answer:
            if b"text_delta" in line:
                break
        answer.close()
    return True


def counted(address, key, turns):
    """Waits until so many turns are counted: a turn ends a moment after its caller has left."""
    until = time.monotonic() + COUNTED_SECONDS
    while time.monotonic() < until:
        usage = send(address, key, path="/usage")[2]
        if sum(day["turns"] for day in usage["days"]) == turns:
            return usage
        time.sleep(0.02)
    raise RuntimeError(f"{turns} turns began, and {usage} was counted")
