"""The addresses and the short form, as our own document has them: every answer is held to it when it comes."""

import json
import unittest

import client
import conversations
from document import DOCUMENT

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# What has servers of its own is on the private listener.
PRIVATE = {path for path, methods in DOCUMENT["paths"].items() if any("servers" in each for each in methods.values())}
HERE = {path: methods for path, methods in DOCUMENT["paths"].items() if path not in PRIVATE}


class Addresses(unittest.TestCase):
    def test_what_can_be_read_answers(self):
        for path, methods in HERE.items():
            # The pages of a sign-in answer those alone whose sign-in it is.
            if "get" in methods and not path.startswith("/sign-in/"):
                self.assertEqual(client.send(None, method="GET", path=path).status, 200, path)

    def test_a_sign_in_of_nobody_is_refused(self):
        for path in ("/sign-in/callback", "/sign-in/unknown"):
            self.assertIn(client.send(None, method="GET", path=path).status, (403, 404), path)

    def test_no_method_is_taken_that_is_not_documented(self):
        for path, methods in HERE.items():
            for method in METHODS:
                taken = client.send(b"", method=method, path=path).status != 405
                self.assertEqual(taken, method.lower() in methods, f"{method} {path}")

    def test_there_is_no_other_address(self):
        self.assertEqual(PRIVATE, {"/admin/reload"})
        for path in ["/openapi.json", *PRIVATE]:
            for method in METHODS:
                self.assertEqual(client.send(b"", method=method, path=path).status, 404, f"{method} {path}")


class ShortForm(unittest.TestCase):
    def say(self, message, accept="application/json", key=None, **fields):
        headers = {"content-type": "application/json", "accept": accept}
        headers |= {"idempotency-key": key} if key else {}
        return client.send(json.dumps({"message": message, **fields}), path="/chat", headers=headers)

    def test_it_streams(self):
        self.assertTrue(self.say("hello", accept="text/event-stream").is_stream)

    def test_it_answers_with_one_object(self):
        self.assertEqual(self.say("hello").json["outcome"], "completed")

    def test_it_takes_every_model_that_is_listed(self):
        for model in client.send(None, method="GET", path="/models").json["data"]:
            self.assertEqual(self.say("hello", model=model["id"]).json["outcome"], "completed")

    def test_it_asks_in_the_words_of_its_answer(self):
        word = conversations.unique("milk")
        first = self.say(conversations.add_todos(f"oat {word}", f"soy {word}")).json
        asked = self.say(f"delete {word}", thread_id=first["thread_id"]).json

        self.assertEqual(asked["outcome"], "awaiting_input")
        self.assertRegex(asked["message"], rf"(?i)- oat {word}")

    def test_it_waits_for_an_approval_and_takes_it_once(self):
        word = conversations.unique("milk")
        thread = self.say(f"add {word}").json["thread_id"]
        asked = self.say(f"delete {word}", thread_id=thread).json
        body = json.dumps({"thread_id": thread, "approve": asked["confirmation"]["id"]})

        headers = {"content-type": "application/json", "accept": "application/json"}
        done, again = (client.send(body, path="/chat", headers=headers) for _ in range(2))

        self.assertEqual(asked["outcome"], "awaiting_input")
        self.assertRegex(asked["message"], rf"(?i){word}.*\n\n- Approve\n- Decline")
        self.assertEqual(done.json["outcome"], "completed")
        self.assertEqual(again.status, 409)

    def test_it_refuses_by_status(self):
        key = conversations.unique("key")
        self.say("hello", key=key)

        self.assertEqual(self.say(" ").status, 422)
        self.assertEqual(self.say("hello", model="unknown").status, 422)
        self.assertEqual(self.say("hello", thread_id="thr_unknown").status, 404)
        self.assertEqual(self.say("goodbye", key=key).status, 409)


if __name__ == "__main__":
    unittest.main()
