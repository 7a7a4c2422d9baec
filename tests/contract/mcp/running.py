"""The program with MCP servers, and the emulator as the model that calls their tools."""

import contextlib
import json
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "fire"))

from servers import Model, Server, get, post  # noqa: E402

BINARY = str(pathlib.Path(os.environ.get("ORCHESTRATOR", ROOT / "target/debug/orchestrator")).resolve())
# Longer than a turn may take.
SECONDS = 150
# Our own: no server is called by it.
BUILT_IN = "ask_user"


class Running:
    def __init__(self, model, server):
        self.model, self.server = model, server

    def say(self, message, **fields):
        """One whole turn in the short form."""
        body = {"message": message, **fields}
        return json.loads(b"".join(post(self.server.address + "/chat", body, SECONDS, accept="application/json")))

    def events(self, message):
        """One whole turn as a stream."""
        content = [{"type": "input_text", "text": message}]
        user_input = {"content": content, "attachments": [], "inference_options": {}}
        body = {"type": "threads.create", "params": {"input": user_input}}
        lines = post(self.server.address + "/chatkit", body, SECONDS)
        return [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]

    def tools(self):
        """What servers offer to the model, by the names that it sees."""
        offered = self.model.log()[-1]["body"].get("tools", [])
        functions = [each["function"] for each in offered]
        return {each["name"]: each.get("parameters", {}) for each in functions if each["name"] != BUILT_IN}

    def prompt(self):
        return self.model.log()[-1]["body"]["messages"][0]["content"]

    def revision(self, name):
        """In which revision it is connected."""
        server = get(self.server.address + "/health")["mcp"][name]
        return server["connected"] and server["protocol_version"]


@contextlib.contextmanager
def running(servers, **variables):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "mcp.json")
        file.write_text(json.dumps({"mcpServers": servers}), "utf-8")
        with Model(BINARY) as model:
            address = {"GEMINI_BASE_URL": model.base_url, "MCP_CONFIG": str(file)}
            with Server(BINARY, **address, **variables) as server:
                yield Running(model, server)


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
