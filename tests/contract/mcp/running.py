"""The program with MCP servers, and the emulator as the model that calls their tools."""

import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.error

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "fire"))

from servers import Model, Server, get, post, web  # noqa: E402

BINARY = str(pathlib.Path(os.environ.get("ORCHESTRATOR", ROOT / "target/debug/orchestrator")).resolve())
# Longer than a turn may take.
SECONDS = 150
# More than a call may ask.
FORMS = 10
# Our own, beside the tools of servers.
BUILT_IN = ("ask_user", "read_result", "read_resource", "read_prompt")

# How long a server may take to be connected after a login.
CONNECT_SECONDS = 10
# Longer than any start on a slow machine.
START_SECONDS = 60


class Running:
    def __init__(self, model, server, environment):
        self.model, self.server, self.environment = model, server, environment

    def say(self, message, **fields):
        """One whole turn in the short form."""
        body = {"message": message, **fields}
        return json.loads(b"".join(post(self.server.address + "/chat", body, SECONDS, accept="application/json")))

    def events(self, message):
        """One whole turn as a stream."""
        content = [{"type": "input_text", "text": message}]
        user_input = {"content": content, "attachments": [], "inference_options": {}}
        return self.stream("threads.create", {"input": user_input})

    def stream(self, kind, params):
        lines = post(self.server.address + "/chatkit", {"type": kind, "params": params}, SECONDS)
        return [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]

    def converse(self, message, fill=None):
        """A conversation with a person who answers each form: with `fill` by the words of a question, otherwise with
        the first option, and leaves open what is to be written. All its events."""
        events = self.events(message)
        for _ in range(FORMS):
            form = events[-1].get("item", {})
            if form.get("type") != "structured_input" or form["status"] != "pending":
                return events
            answers = {each["id"]: {"values": values} for each in form["inputs"] if (values := chosen(each, fill or {}))}
            params = {"thread_id": form["thread_id"], "item_id": form["id"], "input": {"answers": answers}}
            events += self.stream("threads.add_structured_input", params)
        raise AssertionError("the forms never end")

    def tools(self):
        """What servers offer to the model, by the names that it sees."""
        offered = self.model.log()[-1]["body"].get("tools", [])
        functions = [each["function"] for each in offered]
        return {each["name"]: each.get("parameters", {}) for each in functions if each["name"] not in BUILT_IN}

    def prompt(self):
        return self.model.log()[-1]["body"]["messages"][0]["content"]

    def health(self, name):
        return get(self.server.address + "/health")["mcp"][name]

    def revision(self, name):
        """In which revision it is connected."""
        server = self.health(name)
        return server["connected"] and server["protocol_version"]

    def follow_advice(self, name):
        """Runs the login that `/health` advises, with a browser that agrees to everything. Whether it succeeded."""
        self.settle(name)
        advice = self.health(name).get("advice") or ""
        if f"`orchestrator tools login {name}" not in advice:
            return False
        arguments = shlex.split(advice.split("`orchestrator ")[1].split("`")[0])
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with subprocess.Popen([BINARY, *arguments], env=kept | self.environment, stdout=subprocess.PIPE, text=True) as login:
            if link := login.stdout.readline().strip():
                web.open(link, timeout=SECONDS).read()
        return login.returncode == 0 and self.is_connected(name)

    def lists_threads(self):
        try:
            body = {"type": "threads.list", "params": {}}
            return bool(b"".join(post(self.server.address + "/chatkit", body, SECONDS)))
        except urllib.error.HTTPError:
            return False

    def settle(self, name):
        """Waits until it is connected, or an operator could help, or neither for too long. While it is tried again,
        the advice may name no server."""
        end = time.monotonic() + CONNECT_SECONDS
        while time.monotonic() < end:
            health = self.health(name)
            if health["connected"] or f"login {name}" in (health.get("advice") or ""):
                break
            time.sleep(0.1)

    def connect(self, name):
        until(f"{name} is connected", lambda: self.health(name)["connected"])

    def is_connected(self, name):
        """A message has the program try it again at once."""
        until = time.monotonic() + CONNECT_SECONDS
        while time.monotonic() < until:
            self.say("Hello.")
            if self.health(name)["connected"]:
                return True
            time.sleep(0.2)
        return False


@contextlib.contextmanager
def running(servers, **variables):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "mcp.json")
        file.write_text(json.dumps({"mcpServers": servers}), "utf-8")
        with Model(BINARY) as model:
            address = {"GEMINI_BASE_URL": model.base_url, "MCP_CONFIG": str(file)}
            environment = {"DATABASE_URL": f"sqlite://{folder}/data.db", "TOKEN_KEY": "0f" * 32, **address, **variables}
            with Server(BINARY, **environment) as server:
                program = Running(model, server, environment)
                until("the database is prepared", program.lists_threads)
                yield program


def chosen(question, fill):
    for words, value in fill.items():
        if words in question["question"]:
            return [value]
    return [question["options"][0]["value"]] if question.get("options") else []


def until(what, is_so):
    end = time.monotonic() + START_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


def calls(these):
    """The message that has the emulated model make these calls."""
    return ";".join(f"call:{name}{json.dumps(arguments)}" for name, arguments in these)


def arguments(schema):
    """A value for each argument that a tool requires."""
    properties = schema.get("properties", {})
    return {name: sample(properties.get(name, {})) for name in schema.get("required", [])}


def sample(schema):
    if "enum" in schema:
        return schema["enum"][0]
    samples = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    return samples.get(schema.get("type"), "test")
