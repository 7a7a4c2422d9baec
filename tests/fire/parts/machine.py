"""The limits of the machine: open files, disk, database, clock and name service fail while people chat.

Each time the process must stay up, say in `/health` what is wrong, finish the stream that was open where it
can, and work again by itself when the fault is over.
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

from postgres import Postgres
from servers import Model, Server, get
from table import Row

RECOVERY_SECONDS, PROBE_SECONDS = 30, 2
FILES, CONNECTIONS = 160, 400
ANSWERS = "fake:text_ten_chunks"
# The library that moves the clock of one process, where Debian puts it.
CLOCK = "usr/lib/*/faketime/libfaketimeMT.so.1"


class Stream(threading.Thread):
    """A turn that lasts while something is broken."""

    def __init__(self, server):
        super().__init__()
        self.server, self.turn = server, None
        self.start()

    def run(self):
        self.turn = self.server.ask("[[scenario:slow_ttft(6000)]] tell me", 60)

    def outcome(self):
        self.join(60)
        turn = self.turn
        if turn is None or turn.hung:
            return "HANGS"
        if turn.is_told():
            return "told"
        return "whole" if turn.text and not turn.errors else "WRONG"


def answers(server, message="hello"):
    turn = server.ask(message, 40)
    return not turn.hung and not turn.errors and bool(turn.text)


def probe(row, server):
    """Health is what others decide by whether the process lives."""
    begun = time.monotonic()
    try:
        get(server.address + "/health/live", PROBE_SECONDS)
    except OSError:
        row.must(False, f"no answer of /health/live within {PROBE_SECONDS} s")
    return time.monotonic() - begun


def status(server):
    try:
        return get(server.address + "/health", PROBE_SECONDS)["status"]
    except OSError:
        return "silent"


def recover(row, server):
    begun = time.monotonic()
    while time.monotonic() - begun < RECOVERY_SECONDS:
        if server.process.poll() is not None:
            row.must(False, "the process has died")
            return
        with contextlib.suppress(OSError):
            if answers(server):
                row.recovery_seconds = time.monotonic() - begun
                return
        time.sleep(0.25)
    row.must(False, f"it did not work again within {RECOVERY_SECONDS} s")


@contextlib.contextmanager
def served(options, **environment):
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(Model(options.binary))
        settings = {"GEMINI_BASE_URL": model.base_url, "GEMINI_MODEL": ANSWERS, "MODEL_BREAKER_SECONDS": "2"}
        yield stack.enter_context(Server(options.binary, **settings | environment))


def files(options):
    row = Row("machine", f"{CONNECTIONS} connections, {FILES} files allowed", 1)
    before = ["prlimit", f"--nofile={FILES}:{FILES}", "--"]
    with served(options, before=before) as server:
        stream = Stream(server)
        time.sleep(1)
        host, port = server.address.removeprefix("http://").split(":")
        held = []
        for _ in range(CONNECTIONS):
            with contextlib.suppress(OSError):
                held.append(socket.create_connection((host, int(port)), timeout=1))
        took = max(probe(row, server) for _ in range(5))
        row.seen = f"/health/live {took * 1000:.0f} ms at most; the open stream: {stream.outcome()}"
        row.must(stream.outcome() == "whole", "the open stream did not go on")
        for one in held:
            one.close()
        recover(row, server)
    return row


def disk(options):
    row = Row("machine", "disk full", 1)
    if os.getuid() != 0:
        row.must(False, "needs root, to mount a small disk")
        return row
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=True)
        try:
            with served(options, DATABASE_URL=f"sqlite://{folder}/threads.db") as server:
                row.must(answers(server), "it did not work before")
                full = pathlib.Path(folder) / "full"
                with contextlib.suppress(OSError), full.open("wb") as file:
                    while True:
                        file.write(b"x" * 4096)
                        file.flush()
                told = [server.ask("add milk", 40) for _ in range(12)]
                row.times = len(told)
                row.must(all(turn.is_told() or turn.text for turn in told), "a request without an outcome")
                refused = sum(turn.is_told() for turn in told)
                probe(row, server)
                row.seen = f"{refused} of {len(told)} told, /health says {status(server)}"
                row.must(refused > 0, "nothing failed, so nothing was tested")
                full.unlink()
                recover(row, server)
        finally:
            subprocess.run(["umount", folder], check=True)
    return row


def database_gone(options):
    row = Row("machine", "PostgreSQL killed and started again", 1)
    with Postgres() as postgres, served(options, DATABASE_URL=postgres.url()) as server:
        row.must(answers(server), "it did not work before")
        stream = Stream(server)
        time.sleep(1)
        postgres.stop()
        told = [server.ask("hello", 40) for _ in range(8)]
        row.must(all(turn.is_told() for turn in told), "a request without the database was not told so")
        probe(row, server)
        row.seen = f"/health says {status(server)}"
        row.must(status(server) != "ok", "/health says ok")
        postgres.start()
        recover(row, server)
        row.seen += f"; the open stream: {stream.outcome()}"
        row.must(stream.outcome() in ("whole", "told"), "the open stream has no outcome")
    return row


def read_only(options):
    row = Row("machine", "PostgreSQL read-only", 1)
    with Postgres() as postgres, served(options, DATABASE_URL=postgres.url()) as server:
        row.must(answers(server), "it did not work before")
        postgres.query("postgres", "ALTER DATABASE postgres SET default_transaction_read_only = on", CUT_ALL)
        told = [server.ask("hello", 40) for _ in range(8)]
        row.must(all(turn.is_told() for turn in told), "a request that could not be stored was not told so")
        probe(row, server)
        row.seen = f"/health says {status(server)}"
        row.must(status(server) != "ok", "/health says ok")
        writable = "ALTER DATABASE postgres RESET default_transaction_read_only"
        postgres.query("postgres", "SET default_transaction_read_only = off", writable, CUT_ALL)
        recover(row, server)
    return row


CUT_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"


def clock(options):
    row = Row("machine", "the clock one hour back, then two on", 2)
    places = ("/", os.environ.get("FAKETIME_FOLDER", "target/faketime"))
    library = [path.absolute() for place in places for path in pathlib.Path(place).glob(CLOCK)]
    if not library:
        row.must(False, "libfaketime is missing: install the package libfaketime")
        return row
    with tempfile.TemporaryDirectory() as folder:
        offset = pathlib.Path(folder) / "offset"
        offset.write_text("+0")
        environment = {
            "LD_PRELOAD": str(library[0]), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1", "DATABASE_URL": f"sqlite://{folder}/threads.db",
        }
        with served(options, **environment) as server:
            row.must(answers(server), "it did not work before")
            outcomes = []
            for moved in ("-3600", "+3600"):
                stream = Stream(server)
                time.sleep(1)
                offset.write_text(moved)
                probe(row, server)
                outcomes.append(stream.outcome())
                recover(row, server)
            row.must(outcomes == ["whole", "whole"], "an open stream did not go on")
            row.must(status(server) == "ok", "/health does not say ok")
            row.seen = f"open streams: {', '.join(outcomes)}"
    return row


def names(options):
    row = Row("machine", "the model's name does not resolve", 1)
    if os.getuid() != 0:
        row.must(False, "needs root, to give one process its own names")
        return row
    with tempfile.TemporaryDirectory() as folder, Model(options.binary) as model:
        hosts = pathlib.Path(folder) / "hosts"
        known = "127.0.0.1 localhost\n127.0.0.1 model.test\n"
        hosts.write_text(known)
        script = f"mount --bind {hosts} /etc/hosts && exec \"$@\""
        before = ["unshare", "--mount", "sh", "-c", script, "sh"]
        base_url = model.base_url.replace("127.0.0.1", "model.test")
        environment = {"GEMINI_BASE_URL": base_url, "GEMINI_MODEL": ANSWERS, "MODEL_BREAKER_SECONDS": "2"}
        with Server(options.binary, before=before, **environment) as server:
            row.must(answers(server), "it did not work before")
            hosts.write_text("127.0.0.1 localhost\n")
            # Connections that are open go on; only new ones need the name.
            told, until = None, time.monotonic() + 60
            while time.monotonic() < until and not (told and told.is_told()):
                crowd = [Stream(server) for _ in range(12)]
                outcomes = [one.outcome() for one in crowd]
                row.must("HANGS" not in outcomes and "WRONG" not in outcomes, f"outcomes {outcomes}")
                told = next((one.turn for one in crowd if one.turn.is_told()), None)
            row.must(told is not None, "nothing failed, so nothing was tested")
            probe(row, server)
            row.seen = f"/health says {status(server)}"
            hosts.write_text(known)
            recover(row, server)
    return row


def run(options):
    return [part(options) for part in (files, disk, database_gone, read_only, clock, names)]
