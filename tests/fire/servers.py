"""The real program as processes of their own: the server under test and the model it asks."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.request

# Longer than any start on a slow machine.
START_SECONDS = 30

# A proxy of the machine's has no part in what runs on loopback.
web = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url, timeout=10):
    with web.open(url, timeout=timeout) as answer:
        return json.load(answer)


def post(url, body, timeout, **headers):
    """The lines of an answer, as they come."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **headers})
    with web.open(request, timeout=timeout) as answer:
        yield from answer


class Program:
    """One process, known by the address that it logs."""

    def __init__(self, command, environment, marker):
        self.folder = tempfile.TemporaryDirectory()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.process = subprocess.Popen(
            command, cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env=kept | {"LOG_FORMAT": "json", "LAME_DUCK_SECONDS": "0"} | environment,
        )
        self.lines, self.address, self.ready = [], None, threading.Event()
        threading.Thread(target=self.listen, args=(marker,), daemon=True).start()
        self.ready.wait(START_SECONDS)
        if self.address is None:
            self.close()
            raise RuntimeError("it did not start:\n" + "".join(self.lines))

    def listen(self, marker):
        for line in self.process.stderr:
            self.lines.append(line)
            if self.address is None and marker in line:
                self.address = "http://" + line.split("http://")[1].split("/")[0].split('"')[0].split(" ")[0]
                self.ready.set()
        self.ready.set()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Model(Program):
    """The offline model as an emulation of Gemini."""

    def __init__(self, binary, *options):
        super().__init__([binary, "demo-model", "--emulate", "--listen", "127.0.0.1:0", *options], {}, "base_url")
        self.base_url = self.address + "/v1beta/openai"

    def script(self, entries):
        for _ in post(self.address + "/_fake/script", entries, 10):
            pass

    def log(self):
        return get(self.address + "/_fake/log")["requests"]


class Server(Program):
    """The server under test, with data of its own in memory. `before` is a command that runs it."""

    def __init__(self, binary, before=(), **environment):
        environment = {
            "PORT": "0", "DATABASE_URL": "memory", "TODO_DATABASE_URL": "memory",
            "GEMINI_API_KEY": "first-key", **environment,
        }
        super().__init__([*before, binary, "serve"], environment, "istening on http")
        self.wait_until_ready()

    def wait_until_ready(self):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                get(self.address + "/health/ready")
                return
            time.sleep(0.05)
        self.close()
        raise RuntimeError("it did not get ready:\n" + "".join(self.lines))

    def ask(self, message, timeout):
        return Turn(self.address, message, timeout)


def create(message):
    content = [{"type": "input_text", "text": message}]
    user_input = {"content": content, "attachments": [], "inference_options": {}}
    return {"type": "threads.create", "params": {"input": user_input}}


class Turn:
    """One message and what came of it, read from the stream as a front end reads it."""

    def __init__(self, address, message, timeout):
        self.texts, self.errors, self.notices = {}, [], []
        self.last, self.hung = None, False
        start = time.monotonic()
        try:
            for line in post(address + "/chatkit", create(message), timeout):
                if line.startswith(b"data: "):
                    self.read(json.loads(line[6:]))
        except (TimeoutError, OSError):
            self.hung = True
        self.seconds = time.monotonic() - start

    def read(self, event):
        kind, item = event["type"], event.get("item", {})
        if kind == "thread.item.done" and item["type"] == "assistant_message":
            self.texts[item["id"]] = "".join(part["text"] for part in item["content"])
        elif kind == "error":
            self.errors.append(event["message"])
        elif kind == "notice":
            self.notices.append(event["message"])
        if kind != "thread.updated":
            self.last = kind

    @property
    def text(self):
        return "\n".join(self.texts.values())

    @property
    def is_cut(self):
        return "*[cut off here]*" in self.text

    def is_whole(self, answer):
        """A complete and correct answer."""
        return not self.hung and not self.errors and not self.is_cut and self.text == answer

    def is_told(self):
        """One honest error, at the end, behind text that is marked as cut or behind none."""
        is_last = self.last == "error" and len(self.errors) == 1
        return not self.hung and is_last and (self.is_cut or not self.text)

    def in_words(self, answer):
        if self.hung:
            return "HANGS"
        if self.is_whole(answer):
            return "completed"
        if self.errors:
            return ("cut: " if self.is_cut else "") + self.errors[0].split(". ")[0].removesuffix(".")
        return f"WRONG: {self.text[:40]!r}"
