"""What cannot be done is refused in words, and never with a 5xx: the component would send it again."""

import copy
import json
import unittest

import client
import conversations
from client import message, refused_kindly

UNKNOWN = "thr_00000000000000000000000000000000"
ORIGIN = "http://localhost:3000"


@conversations.once
def some_thread():
    return client.create("hello").thread_id


class NotSupported(unittest.TestCase):
    def check(self, kind, /, **params):
        answer = client.request(kind, **params)

        self.assertTrue(refused_kindly(answer), answer)

    def test_an_attachment_cannot_be_made(self):
        self.check("attachments.create", name="cat.png", size=12, mime_type="image/png")

    def test_an_attachment_cannot_be_deleted(self):
        self.check("attachments.delete", attachment_id="atc_1")

    def test_an_attachment_cannot_be_sent(self):
        self.check("threads.create", input=message("look", attachments=["atc_1"]))

    def test_sound_is_not_written_down(self):
        self.check("input.transcribe", audio_base64="aGVsbG8=", mime_type="audio/webm;codecs=opus")

    def test_actions_are_not_taken(self):
        self.check("threads.custom_action", thread_id=some_thread(), action={"type": "go", "payload": {}})

    def test_actions_that_are_answered_at_once_are_not_taken(self):
        params = {"thread_id": some_thread(), "action": {"type": "go", "payload": {}}}

        self.check("threads.sync_custom_action", **params)

    def test_results_of_client_tools_are_not_taken(self):
        self.check("threads.add_client_tool_output", thread_id=some_thread(), result={"nodes": [1]})


class NotFound(unittest.TestCase):
    def check(self, kind, /, **params):
        answer = client.request(kind, **{"thread_id": UNKNOWN, **params})

        self.assertEqual(answer.status, 404, answer)
        self.assertTrue(answer.json["message"].strip())

    def test_an_unknown_thread_cannot_be_read(self):
        self.check("threads.get_by_id")

    def test_an_unknown_thread_has_no_items(self):
        self.check("items.list")

    def test_an_unknown_thread_cannot_be_renamed(self):
        self.check("threads.update", title="Groceries")

    def test_an_unknown_thread_takes_no_feedback(self):
        self.check("items.feedback", item_ids=["msg_1"], kind="positive")

    def test_an_unknown_thread_takes_no_message(self):
        self.check("threads.add_user_message", input=message("hello"))

    def test_an_unknown_thread_cannot_be_answered_again(self):
        self.check("threads.retry_after_item", item_id="msg_1")

    def test_an_unknown_thread_takes_no_answer(self):
        self.check("threads.add_structured_input", item_id="msg_1", input={"status": "answered", "answers": {}})

    def test_an_unknown_item_cannot_be_answered_again(self):
        self.check("threads.retry_after_item", thread_id=some_thread(), item_id="msg_unknown")

    def test_an_item_of_another_thread_cannot_be_answered_again(self):
        item = conversations.greeting().user_item["id"]

        self.check("threads.retry_after_item", thread_id=conversations.tool_turn().thread_id, item_id=item)

    def test_deleting_a_thread_twice_is_no_fault_of_the_server(self):
        thread_id = client.create("hello").thread_id
        client.ask("threads.delete", thread_id=thread_id)

        self.assertIn(client.request("threads.delete", thread_id=thread_id).status, (200, 404))


class Browsers(unittest.TestCase):
    """Pages of another origin."""

    def preflight(self, origin=ORIGIN):
        wanted = "authorization,chatkit-frame-instance-id,content-type"
        headers = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": wanted,
        }
        return client.send(None, method="OPTIONS", headers=headers)

    def test_a_page_of_this_machine_may_send_what_the_component_sends(self):
        answer = self.preflight()

        allowed = answer.headers["access-control-allow-headers"].lower()
        self.assertIn(answer.status, (200, 204))
        self.assertIn(answer.headers["access-control-allow-origin"], ("*", ORIGIN))
        for header in ("authorization", "chatkit-frame-instance-id", "content-type"):
            self.assertTrue(allowed == "*" or header in allowed, allowed)

    def test_a_foreign_page_may_not(self):
        self.assertNotIn("access-control-allow-origin", self.preflight("https://evil.example").headers)

    def test_such_a_page_may_read_every_kind_of_answer(self):
        stream = {"type": "threads.create", "params": {"input": message("hello")}}
        for body in (stream, {"type": "threads.list", "params": {}}, {"type": "unknown"}):
            answer = client.send(json.dumps(body), headers={**client.HEADERS, "origin": ORIGIN})

            self.assertIn(answer.headers.get("access-control-allow-origin"), ("*", ORIGIN), body["type"])

    def test_the_endpoint_is_for_posts_only(self):
        self.assertIn(client.send(None, method="GET").status, (404, 405))


# --- Bodies that nobody should send -----------------------------------------

VALID = {"type": "threads.create", "params": {"input": message("hello")}}


def altered(**fields):
    """A good body but for its input's fields."""
    return {"type": "threads.create", "params": {"input": {**message("hello"), **fields}}}


def spoken(text):
    return altered(content=[{"type": "input_text", "text": text}])


MALFORMED = {
    "nothing": b"",
    "space": b" \n ",
    "half": json.dumps(VALID).encode()[:-7],
    "two values": b"{}{}",
    "null": b"null",
    "a number": b"7",
    "a string": b'"threads.create"',
    "an array": b"[]",
    "an empty object": b"{}",
    "not utf-8": b'{"type":"threads.create\xff\xfe"}',
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(VALID).encode(),
    "utf-16": json.dumps(VALID).encode("utf-16"),
    "a form": b"type=threads.create&params=1",
    "deep arrays": b"[" * 20_000,
    "deep params": b'{"type":"threads.create","params":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
    "a lone surrogate": b'{"type":"threads.create","params":{"input":{"content":[{"type":"input_text","text":"\\ud800"}],"attachments":[],"inference_options":{}}}}',
    "infinity": b'{"type":"threads.create","params":{"input":Infinity}}',
    "a huge number": b'{"type":"threads.create","params":{"input":1e999}}',
    "no type": {"params": VALID["params"]},
    "a type of null": {**VALID, "type": None},
    "a type in capitals": {**VALID, "type": "THREADS.CREATE"},
    "an unknown type": {**VALID, "type": "threads.explode"},
    "a type of other back ends": {"type": "threads.stop", "params": {"thread_id": UNKNOWN}},
    "no params": {"type": "threads.create"},
    "params of null": {**VALID, "params": None},
    "params in an array": {**VALID, "params": [VALID["params"]]},
    "metadata of null": {**VALID, "metadata": None},
    "metadata in an array": {**VALID, "metadata": ["Europe/Berlin"]},
    "an unknown time zone": {**VALID, "metadata": {"time_zone": "Mars/Olympus"}},
    "no content": altered(content=[]),
    "content of null": altered(content=None),
    "content as text": altered(content="hello"),
    "a part of null": altered(content=[None]),
    "a part without text": altered(content=[{"type": "input_text"}]),
    "a part of an unknown type": altered(content=[{"type": "input_video", "text": "x"}]),
    "a text that is a number": altered(content=[{"type": "input_text", "text": 7}]),
    "too many parts": altered(content=[{"type": "input_text", "text": "x"}] * 5_000),
    "a mention without an id": altered(content=[{"type": "input_tag", "text": "x", "data": {}}]),
    "a mention with much data": altered(content=[{"type": "input_tag", "id": "1", "text": "x", "data": {"a": "b" * 100_000}}]),
    "blank words": spoken(" \t\n "),
    "only a null character": spoken("\u0000"),
    "words beyond the limit": spoken("x" * 200_001),
    "words beyond any limit": spoken("x" * 3_000_000),
    "attachments of null": altered(attachments=None),
    "attachments that are objects": altered(attachments=[{"id": "atc_1"}]),
    "inference options of null": altered(inference_options=None),
    "inference options in an array": altered(inference_options=[]),
    "a tool choice as text": altered(inference_options={"tool_choice": "search"}),
    "a quote that is a number": altered(quoted_text=7),
    "a quote beyond the limit": altered(quoted_text="x" * 200_001),
    "a thread id that is a number": {"type": "threads.add_user_message", "params": {"thread_id": 7, "input": message("x")}},
    "a thread id of null characters": {"type": "threads.add_user_message", "params": {"thread_id": "\u0000", "input": message("x")}},
    "a thread id of SQL": {"type": "threads.add_user_message", "params": {"thread_id": "' OR 1=1 --", "input": message("x")}},
    "a very long thread id": {"type": "threads.add_user_message", "params": {"thread_id": "t" * 500_000, "input": message("x")}},
    "an empty thread id": {"type": "threads.add_user_message", "params": {"thread_id": "", "input": message("x")}},
}


class Malformed(unittest.TestCase):
    """One test for each of the bodies above."""

    def test_a_body_that_is_not_called_json_is_refused(self):
        answer = client.send(json.dumps(VALID), headers={"content-type": "text/plain"})

        self.assertTrue(refused_kindly(answer), answer)

    def test_one_after_the_other_they_leave_the_server_well(self):
        for body in MALFORMED.values():
            post(body)

        self.assertTrue(client.create("hello").said)


def post(body):
    return client.send(body if isinstance(body, bytes) else json.dumps(body).encode())


def is_refused(body):
    def test(self):
        answer = post(body)

        self.assertTrue(refused_kindly(answer), answer)

    return test


for name, each in MALFORMED.items():
    setattr(Malformed, f"test_{name.replace(' ', '_')}_is_refused", is_refused(each))


# --- Good bodies with one thing wrong ----------------------------------------

STRANGE = [None, 7, -1, "", "x", [], [None], {}, {"a": {}}, True]


def places(value, path=()):
    """Every place inside a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in pairs:
        yield (*path, name)
        yield from places(part, (*path, name))


def variants(body):
    """The body with each place dropped, and replaced by something strange."""
    for path in list(places(body)):
        for value in ["dropped", *STRANGE]:
            variant = copy.deepcopy(body)
            holder = variant
            for name in path[:-1]:
                holder = holder[name]
            if value == "dropped":
                del holder[path[-1]]
            else:
                holder[path[-1]] = value
            yield variant


class OneThingWrong(unittest.TestCase):
    """Refused or answered, but never a 5xx and never half a stream."""

    def check(self, kind, /, **params):
        for variant in variants({"type": kind, "params": params}):
            with self.subTest(body=json.dumps(variant)[:300]):
                answer = post(variant)

                self.assertLess(answer.status, 500, answer)
                self.assertFalse(answer.broke_off, answer)
                if answer.status >= 400:
                    self.assertTrue(answer.json["message"])

    def test_in_a_new_thread(self):
        tag = {"type": "input_tag", "id": "doc_1", "text": "hello", "data": {}, "group": "Docs", "interactive": False}

        self.check("threads.create", input={**message("hello"), "content": [tag]})

    def test_in_a_further_message(self):
        self.check("threads.add_user_message", thread_id=some_thread(), input=message("hello"))

    def test_in_answering_again(self):
        first = client.create("hello")

        self.check("threads.retry_after_item", thread_id=first.thread_id, item_id=first.user_item["id"])

    def test_in_the_answer_to_a_question(self):
        thread_id = some_thread()
        submission = {"status": "answered", "answers": {"which": {"values": ["Oat milk"], "skipped": False}}}

        self.check("threads.add_structured_input", thread_id=thread_id, item_id="msg_1", input=submission)

    def test_in_a_list(self):
        thread_id = some_thread()

        self.check("items.list", thread_id=thread_id, limit=5, order="asc", after="msg_1")


if __name__ == "__main__":
    unittest.main()
