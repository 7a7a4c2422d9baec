"""A turn whose model fails keeps the rules too: it says so once, and what was shown stays.

EMULATED_URL is a server whose provider is `demo-model --emulate` at MODEL_URL.
"""

import json
import os
import unittest

import client
import conversations
from client import message
from official import RESPONSES
from test_streams import CREATED, StreamFacts


def emulated(kind, **params):
    body = json.dumps({"type": kind, "params": params})
    return client.send(body, base=os.environ["EMULATED_URL"])


def scripted(*scenarios):
    """A turn in which the model does this."""
    # Failures in a row would open the breaker: a good turn stands before each.
    emulated("threads.create", input=message("hello"))
    word = conversations.unique("word")
    script = json.dumps([{**scenario, "match": word} for scenario in scenarios])
    lined_up = client.send(script, path="/_fake/script", base=os.environ["MODEL_URL"])
    assert lined_up.status == 200, lined_up
    return emulated("threads.create", input=message(word))


class FailureFacts(StreamFacts):
    begins_with = CREATED
    # It has one, and that is the point.
    test_there_is_no_error = None

    def listing(self):
        listed = emulated("items.list", thread_id=self.answer().thread_id, order="asc")
        RESPONSES["items.list"].validate_json(listed.body)
        return listed

    def test_there_is_one_error_and_nothing_but_a_title_after_it(self):
        types = [event["type"] for event in self.answer().events]

        after = types[types.index("error") + 1 :]
        self.assertIn(after, ([], ["thread.updated"]))

    def test_the_error_has_words_for_the_person(self):
        [error] = self.answer().of_type("error")

        self.assertEqual((error["code"], bool(error["message"].strip())), ("custom", True))


class ATurnThatBreaksOffInItsText(FailureFacts, unittest.TestCase):
    recorded = staticmethod(conversations.once(lambda: scripted({"scenario": "mid_error_data"})))

    def answer(self):
        return self.recorded()

    def test_another_try_is_offered(self):
        self.assertTrue(self.answer().of_type("error")[0]["allow_retry"])

    def test_what_was_shown_is_kept_and_marked_as_half(self):
        self.assertIn("cut off", self.answer().said)


class ATurnThatBreaksOffAfterACall(FailureFacts, unittest.TestCase):
    call = {"name": "create_todo", "arguments": {"title": "Milk"}}
    script = [{"answer": {"text": "Let me see.", "calls": [call]}}, {"scenario": "cut_after(4)"}]
    recorded = staticmethod(conversations.once(lambda: scripted(*ATurnThatBreaksOffAfterACall.script)))

    def answer(self):
        return self.recorded()

    def test_it_tells_what_was_done(self):
        self.assertIn("create_todo", self.answer().of_type("error")[0]["message"])


class ATurnThatIsBlocked(FailureFacts, unittest.TestCase):
    recorded = staticmethod(conversations.once(lambda: scripted({"scenario": "content_filter_prohibited"})))

    def answer(self):
        return self.recorded()

    def test_no_other_try_is_offered(self):
        self.assertFalse(self.answer().of_type("error")[0]["allow_retry"])

    def test_only_the_message_of_the_user_is_left(self):
        self.assertEqual([item["type"] for item in self.answer().done], ["user_message"])


class AfterAFailure(unittest.TestCase):
    def test_the_next_message_is_answered(self):
        failed = scripted({"scenario": "mid_error_data"})

        answer = emulated("threads.add_user_message", thread_id=failed.thread_id, input=message("hello"))

        self.assertTrue(conversations.checked(answer).said)


if __name__ == "__main__":
    unittest.main()
