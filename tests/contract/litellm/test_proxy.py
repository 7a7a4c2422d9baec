"""The server behind a real second implementation of the wire: the LiteLLM proxy, with the offline model behind it.

Run by .ci/run; by hand, with a Python that has requirements.txt:

    cargo build && python -m unittest discover -v -s tests/contract/litellm
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "fire"))

from servers import Model, Server, post, web  # noqa: E402

BINARY = str(pathlib.Path(os.environ.get("ORCHESTRATOR", ROOT / "target/debug/orchestrator")).resolve())
# The proxy imports much before it listens.
START_SECONDS = 180
KEY = "sk-proxy"
# Names of the proxy's own: it hands Google's part of a request on in a form that Google refuses.
MODELS = {"second-hand": "gemini-2.5-flash", "third-generation": "gemini-3.5-flash-lite"}


class Proxy:
    """LiteLLM on a free port, asking the model at `base_url`."""

    def __init__(self, base_url):
        self.folder = tempfile.TemporaryDirectory()
        config = pathlib.Path(self.folder.name) / "config.yaml"
        # JSON is YAML.
        config.write_text(json.dumps(self.config(base_url)))
        self.address = f"http://127.0.0.1:{free_port()}"
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ
        } | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}
        command = pathlib.Path(sys.executable).parent / "litellm"
        self.process = subprocess.Popen(
            [command, "--config", config, "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2]],
            cwd=self.folder.name, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )
        self.wait()

    @staticmethod
    def config(base_url):
        def model(name, model):
            return {
                "model_name": name,
                "litellm_params": {"model": f"openai/{model}", "api_base": base_url, "api_key": "k", "max_retries": 0},
            }

        return {
            "model_list": [model(*names) for names in MODELS.items()],
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
            "litellm_settings": {"num_retries": 0, "telemetry": False},
            "general_settings": {"master_key": KEY},
        }

    def wait(self):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with web.open(self.address + "/health/liveliness", timeout=5):
                    return
            except OSError:
                time.sleep(0.2)
        self.log.seek(0)
        told = self.log.read()
        self.close()
        raise RuntimeError("the proxy did not start:\n" + told)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Conversations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = cls.enterClassContext(Model(BINARY))
        cls.proxy = Proxy(cls.model.base_url)
        cls.addClassCleanup(cls.proxy.close)
        cls.servers = {name: cls.enterClassContext(cls.server(name)) for name in MODELS}

    @classmethod
    def server(cls, name):
        # Provoked failures must not refuse the tests that follow.
        patient = {"MODEL_BREAKER_FAILURES": "1000", "REQUEST_TIMEOUT_SECONDS": "10", "STALL_TIMEOUT_SECONDS": "10"}
        return Server(BINARY, GEMINI_BASE_URL=cls.proxy.address + "/v1", GEMINI_API_KEY=KEY, GEMINI_MODEL=name, **patient)

    def ask(self, message, thread=None, model="second-hand", server=None):
        body = {"message": message} | ({"thread_id": thread} if thread else {})
        request = urllib.request.Request(
            (server or self.servers[model]).address + "/chat", json.dumps(body).encode(),
            {"content-type": "application/json", "accept": "application/json"},
        )
        with web.open(request, timeout=60) as answer:
            return json.load(answer)

    def played(self, word):
        return [request for request in self.model.log() if word in json.dumps(request["body"])]

    def call(self, name, **arguments):
        return f"call:{name}{json.dumps(arguments)}"

    def test_a_todo_is_added_listed_completed_and_deleted_in_one_thread(self):
        for model in MODELS:
            with self.subTest(model):
                added = self.ask(self.call("create_todo", title="Milk"), model=model)
                thread = added["thread_id"]
                todo = json.loads(added["tool_calls"][0]["result"])["id"]
                listed = self.ask(self.call("list_todos"), thread, model)
                completed = self.ask(self.call("complete_todo", id=todo), thread, model)
                asked = self.ask(self.call("delete_todo", id=todo), thread, model)
                self.assertEqual(asked["confirmation"]["calls"][0]["tool"], "delete_todo")
                deleted = self.ask("yes", thread, model)
                for answer in (added, listed, completed, deleted):
                    self.assertEqual(answer["outcome"], "completed", answer)
                    self.assertFalse(answer["tool_calls"][0]["is_error"], answer)
                    self.assertTrue(answer["message"].startswith("Answer: "), answer)
                self.assertIn("Milk", listed["tool_calls"][0]["result"])
                self.assertEqual(json.loads(completed["tool_calls"][0]["result"])["status"], "done")

    def test_parallel_calls_are_all_made_and_answered_together(self):
        for model in MODELS:
            with self.subTest(model):
                calls = [self.call("create_todo", title=title) for title in ("Eggs", "Bread")]
                answer = self.ask(";".join(calls), model=model)
                self.assertEqual(answer["outcome"], "completed", answer)
                self.assertEqual([call["arguments"]["title"] for call in answer["tool_calls"]], ["Eggs", "Bread"])

    def test_signatures_come_back_through_the_proxy_as_they_were_issued(self):
        answer = self.ask("steps:3 " + self.call("list_todos", status="open"), model="third-generation")
        self.assertEqual(answer["outcome"], "completed", answer)
        self.assertEqual({request["status"] for request in self.played("steps:3")}, {200})

    def test_pieces_empty_names_and_thoughts_of_other_servers_are_read(self):
        for scenario in ("openai_tool_pieces", "newapi_empty_name", "thoughts_then_tool", "tool_parallel_index0", "vllm_reasoning"):
            with self.subTest(scenario):
                self.assertEqual(self.ask(f"[[scenario:{scenario}]]")["outcome"], "completed")

    def test_a_stream_comes_in_pieces_and_is_whole(self):
        content = [{"type": "input_text", "text": "[[scenario:text_ten_chunks]]"}]
        user_input = {"content": content, "attachments": [], "inference_options": {}}
        request = {"type": "threads.create", "params": {"input": user_input}}
        events = [json.loads(line[6:]) for line in post(self.servers["second-hand"].address + "/chatkit", request, 60) if line.startswith(b"data: ")]
        deltas = [event["update"]["delta"] for event in events if event.get("update", {}).get("type", "").endswith("text_delta")]
        self.assertGreater(len(deltas), 3)
        self.assertEqual("".join(deltas), "One, two, three, four, five, six, seven, eight, nine, ten.")

    def test_usage_is_counted(self):
        usage = self.ask("hello")["usage"]
        self.assertGreater(usage["input_tokens"], 0)
        self.assertGreater(usage["output_tokens"], 0)

    def test_errors_keep_their_meaning(self):
        table = {
            "e503_overloaded": ("unavailable", 3), "e500_internal": ("unavailable", 3),
            "e429_shared_capacity": ("unavailable", 3), "e400_invalid_argument": ("failed", 1),
            "e403_permission": ("failed", 1), "e404_new_users": ("failed", 1), "mid_error_data": ("unavailable", 1),
        }
        for scenario, (outcome, times) in table.items():
            with self.subTest(scenario):
                # A server of its own, since a throttled one holds back what follows.
                with self.server("second-hand") as server:
                    answer = self.ask(f"[[scenario:{scenario}]]", server=server)
                asked = len(self.played(scenario))
                print(f"\n{scenario:24}{answer['outcome']:14}asked {asked}  {answer['message']}", end="")
                self.assertEqual((answer["outcome"], asked), (outcome, times), answer)


if __name__ == "__main__":
    unittest.main()
