"""The program with MCP servers that others wrote: each in a whole chat turn, over stdio and over HTTP.

Run by .ci/run; by hand, after `npm install` in this folder, with a Python that has requirements.txt:

    cargo build --features emulator && python -m unittest discover -v -s tests/contract/mcp
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from running import calls, running

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = HERE / "node_modules" / "@modelcontextprotocol"
NODE = os.environ.get("NODE", "node")
START_SECONDS = 60


def npm(package, *arguments):
    return {"command": NODE, "args": [str(PACKAGES / package / "dist" / "index.js"), *arguments]}


def fastmcp(*arguments):
    return {"command": sys.executable, "args": [str(HERE / "fastmcp_server.py"), *arguments]}


@contextlib.contextmanager
def over_http(entry, port, **environment):
    """The same program listening at a port; its entry."""
    command = [entry["command"], *entry["args"]]
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=nowhere, stderr=nowhere)
    try:
        end = time.monotonic() + START_SECONDS
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command} does not listen")
            time.sleep(0.05)
        yield {"url": f"http://127.0.0.1:{port}/mcp"}
    finally:
        process.kill()
        process.wait()


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Others(unittest.TestCase):
    def one_turn(self, entry, *these, revision="2025-11-25"):
        """What each call answered, in one turn that ended well."""
        with running({"one": entry}, APPROVALS="never") as program:
            program.connect("one")
            answer = program.say(calls(these))
            self.assertEqual(answer["outcome"], "completed", answer)
            self.assertEqual(program.revision("one"), revision)
            self.said = answer["message"]
            made = [(each["name"], each["is_error"]) for each in answer["tool_calls"]]
            self.assertEqual(made, [(name, False) for name, _ in these], answer)
            return [each["result"] for each in answer["tool_calls"]]

    def test_memory_keeps_what_it_was_told_after_its_process_ended(self):
        with tempfile.TemporaryDirectory() as folder:
            entry = npm("server-memory") | {"env": {"MEMORY_FILE_PATH": f"{folder}/memory.jsonl"}}
            ann = {"name": "Ann", "entityType": "person", "observations": ["likes tea"]}
            self.one_turn(entry, ("create_entities", {"entities": [ann]}))

            (found,) = self.one_turn(entry, ("search_nodes", {"query": "tea"}))

            self.assertIn("Ann", found)

    def test_filesystem_writes_and_reads_a_file_in_its_folder_and_refuses_another(self):
        with tempfile.TemporaryDirectory() as folder:
            path = str(pathlib.Path(folder).resolve() / "note.txt")
            entry = npm("server-filesystem", folder)

            _, read = self.one_turn(
                entry,
                ("write_file", {"path": path, "content": "milk"}),
                ("read_text_file", {"path": path}),
            )

            self.assertEqual(read, "milk")
            with running({"one": entry}, APPROVALS="never") as program:
                program.connect("one")
                answer = program.say(calls([("read_text_file", {"path": "/etc/hostname"})]))
            self.assertTrue(answer["tool_calls"][0]["is_error"], answer)

    def test_sequential_thinking_takes_its_numbers_and_flags(self):
        thought = {"thought": "First.", "nextThoughtNeeded": False, "thoughtNumber": 1, "totalThoughts": 1}

        (answer,) = self.one_turn(npm("server-sequential-thinking"), ("sequentialthinking", thought))

        self.assertEqual(json.loads(answer)["thoughtNumber"], 1)

    def test_everything_answers_over_stdio_and_http(self):
        port = free_port()
        with over_http(npm("server-everything", "streamableHttp"), port, PORT=str(port)) as remote:
            for entry in (npm("server-everything"), remote):
                with self.subTest(over=next(iter(entry))):
                    self.everything(entry)

    def everything(self, entry):
        echo, total, image, link = self.one_turn(
            entry,
            ("echo", {"message": "hello"}),
            ("get-sum", {"a": 2, "b": 3}),
            ("get-tiny-image", {}),
            ("get-resource-links", {"count": 2}),
        )
        self.assertEqual(echo, "Echo: hello")
        self.assertIn("5", total)
        self.assertIn("[image, ", image)
        self.assertIn("[resource ", link)

    def test_everything_tells_its_progress_and_describes_itself(self):
        with running({"one": npm("server-everything")}, APPROVALS="never") as program:
            program.connect("one")
            long = calls([("trigger-long-running-operation", {"duration": 1, "steps": 4})])
            events = json.dumps(program.events(long))

            self.assertRegex(events, r"\d+ %")
            self.assertIn("\n- one: ", program.prompt())

    def test_an_image_of_everything_reaches_the_model(self):
        self.one_turn(npm("server-everything"), ("get-tiny-image", {}))

        self.assertRegex(self.said, r"\[sees image/png, \d+ bytes\]")

    def test_everything_is_read_by_the_model_and_its_prompts_started_by_people(self):
        port = free_port()
        with over_http(npm("server-everything", "streamableHttp"), port, PORT=str(port)) as remote:
            for entry in (npm("server-everything"), remote):
                with self.subTest(over=next(iter(entry))):
                    self.resources_and_prompts(entry)

    def resources_and_prompts(self, entry):
        listed = json.loads(self.one_turn(entry, ("read_resource", {"server": "one"}))[0])
        uris = [each["uri"] for each in listed["resources"]]
        self.assertTrue(uris and listed["templates"], listed)
        listed = json.loads(self.one_turn(entry, ("read_prompt", {"server": "one"}))[0])
        with_city = [each for each in listed["prompts"] if "city" in [it["name"] for it in each["arguments"]]]
        self.assertTrue(with_city, listed)
        arguments = {"server": "one", "name": with_city[0]["name"], "arguments": {"city": "Bonn"}}

        resource, prompt = self.one_turn(
            entry, ("read_resource", {"server": "one", "uri": uris[0]}), ("read_prompt", arguments)
        )

        self.assertIn(f"[resource {uris[0]}", resource)
        self.assertIn("Bonn", prompt)
        with running({"one": entry}, APPROVALS="never") as program:
            program.connect("one")
            answer = program.say(f"/one:{with_city[0]['name']} city=Bonn")
            self.assertEqual(answer["outcome"], "completed", answer)
            self.assertIn("Bonn", answer["tool_calls"][0]["result"])

    def test_everything_asks_the_person_and_gets_what_fits_over_stdio_and_http(self):
        port = free_port()
        with over_http(npm("server-everything", "streamableHttp"), port, PORT=str(port)) as remote:
            for entry in (npm("server-everything"), remote):
                with self.subTest(over=next(iter(entry))), running({"one": entry}, APPROVALS="never") as program:
                    program.connect("one")
                    fill = {"email": "a@b.example", '"String"': "Ann"}
                    # A call that was given up takes no later one its questions.
                    form = program.events(calls([("trigger-elicitation-request", {})]))[-1]["item"]
                    said = {"content": [{"type": "input_text", "text": "Never mind."}], "attachments": [], "inference_options": {}}
                    program.stream("threads.add_user_message", {"thread_id": form["thread_id"], "input": said})
                    events = program.converse(calls([("trigger-elicitation-request", {})]), fill)

                    self.assertEqual(events[-1]["item"]["type"], "assistant_message", events[-1])
                    results = [each for each in program.model.log()[-1]["body"]["messages"] if each["role"] == "tool"]
                    got = json.dumps(results)
                    self.assertIn("a@b.example", got)
                    self.assertIn("It was a dark and stormy night.", got)

    def test_fastmcp_answers_in_the_new_revision_over_stdio_and_http(self):
        port = free_port()
        with over_http(fastmcp(str(port)), port) as remote:
            for entry in (fastmcp(), remote):
                with self.subTest(over=next(iter(entry))):
                    total, image = self.one_turn(
                        entry, ("add", {"a": 2, "b": 3}), ("draw", {}), revision="2026-07-28"
                    )
                    self.assertRegex(self.said, r"\[sees image/png, \d+ bytes\]")
                    self.assertIn("5", total)
                    self.assertIn("[image, ", image)

    def test_what_a_tool_of_fastmcp_raises_is_told_as_its_refusal(self):
        with running({"one": fastmcp()}, APPROVALS="never") as program:
            program.connect("one")
            answer = program.say(calls([("fail", {})]))

            self.assertEqual(answer["outcome"], "completed")
            self.assertTrue(answer["tool_calls"][0]["is_error"], answer)


if __name__ == "__main__":
    unittest.main()
