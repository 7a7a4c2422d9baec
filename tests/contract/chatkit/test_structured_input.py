"""A question that stands in the thread until it is answered, skipped or talked past."""

import json
import unittest

import client
import conversations
from conversations import Question, answered, checked, question, skipped
from official import STRUCTURED_INPUT

SKIPPED = {"values": [], "skipped": True}


def replaced(answer):
    [event] = answer.of_type("thread.item.replaced")
    return event["item"]


def stored(asked):
    """The item as it is listed now."""
    return json.loads(conversations.items_of_list(client.items(asked.thread_id))[asked.item["id"]])


class Asking(unittest.TestCase):
    def test_the_turn_ends_with_one_pending_question(self):
        found = [(item["type"], item.get("status")) for item in question().asked.done if item["type"] == "structured_input"]

        self.assertEqual(found, [("structured_input", "pending")])
        self.assertEqual(question().asked.done[-1]["type"], "structured_input")

    def test_it_is_an_official_item(self):
        STRUCTURED_INPUT.validate_python(question().item)

    def test_it_is_the_last_item_of_the_thread(self):
        listed = client.items(question().thread_id).json["data"]

        self.assertEqual(listed[-1], question().item)

    def test_it_offers_both_todos_and_no_other(self):
        offered = [option.lower() for option in question().options]

        for title in question().titles:
            self.assertEqual(len([option for option in offered if title in option]), 1, offered)
        self.assertNotIn("mum", " ".join(offered))

    def test_no_option_is_offered_twice(self):
        self.assertEqual(len(set(question().options)), len(question().options))

    def test_it_has_no_answer_yet(self):
        self.assertTrue(all("answer" not in part for part in question().item["inputs"]))

    def test_nothing_is_done_before_the_answer(self):
        self.assertEqual(set(question().states().values()), {"open"})


class Answering(unittest.TestCase):
    def test_the_item_is_replaced_as_answered(self):
        asked, answer = answered()

        self.assertEqual((replaced(answer)["id"], replaced(answer)["status"]), (asked.item["id"], "answered"))

    def test_the_replaced_item_carries_the_answer(self):
        asked, answer = answered()

        given = replaced(answer)["inputs"][0]["answer"]

        self.assertEqual(given, {"values": [asked.option(0)], "skipped": False})

    def test_all_else_of_the_item_stays(self):
        asked, answer = answered()
        now = replaced(answer)

        for part in now["inputs"]:
            del part["answer"]

        self.assertEqual({**now, "status": "pending"}, asked.item)

    def test_the_todo_that_was_meant_is_completed_and_the_other_is_not(self):
        asked, _ = answered()

        self.assertEqual(asked.states(), {asked.titles[0]: "done", asked.titles[1]: "open"})

    def test_the_turn_goes_on_to_say_so(self):
        self.assertTrue(checked(answered()[1]).said)

    def test_no_user_message_is_made_of_it(self):
        asked, _ = answered()

        said = [item for item in client.items(asked.thread_id).json["data"] if item["type"] == "user_message"]

        self.assertEqual(len(said), 2)

    def test_a_question_is_answered_once(self):
        asked, _ = answered()

        again = asked.reply(answers={}, send=client.request)

        self.assertTrue(client.refused_kindly(again), again)
        self.assertEqual(stored(asked)["inputs"][0]["answer"]["values"], [asked.option(0)])

    def test_the_thread_goes_on(self):
        asked = Question()
        asked.choose(asked.option(1))

        self.assertTrue(checked(client.add(asked.thread_id, "hello")).said)

    def test_a_single_choice_keeps_the_first_value_only(self):
        asked = Question()
        values = [asked.option(0), asked.option(1)]

        item = replaced(checked(asked.choose(*values)))

        kept = values if item["inputs"][0]["multiple"] else values[:1]
        self.assertEqual(item["inputs"][0]["answer"]["values"], kept)

    def test_answers_to_questions_that_were_not_asked_are_ignored(self):
        asked = Question()

        item = replaced(checked(asked.choose(asked.option(0), unasked={"values": ["x"]})))

        self.assertEqual([part["id"] for part in item["inputs"]], [part["id"] for part in asked.item["inputs"]])

    def test_a_question_that_the_answer_leaves_out_counts_as_skipped(self):
        asked = Question()

        item = replaced(checked(asked.reply(answers={})))

        self.assertEqual((item["status"], item["inputs"][0]["answer"]), ("answered", SKIPPED))


class Skipping(unittest.TestCase):
    def test_the_item_is_replaced_as_skipped(self):
        asked, answer = skipped()

        self.assertEqual((replaced(answer)["id"], replaced(answer)["status"]), (asked.item["id"], "skipped"))

    def test_every_question_of_it_is_skipped(self):
        self.assertTrue(all(part["answer"] == SKIPPED for part in replaced(skipped()[1])["inputs"]))

    def test_nothing_is_done(self):
        self.assertEqual(set(skipped()[0].states().values()), {"open"})

    def test_the_turn_goes_on(self):
        self.assertTrue(checked(skipped()[1]).said)

    def test_an_answer_in_spite_of_skipping_is_not_taken(self):
        asked = Question()
        answers = {asked.item["inputs"][0]["id"]: {"values": [asked.option(0)]}}

        item = replaced(checked(asked.reply("skipped", answers)))

        self.assertEqual(item["inputs"][0]["answer"], SKIPPED)
        self.assertEqual(set(asked.states().values()), {"open"})


class TalkingPast(unittest.TestCase):
    """The person writes a message instead of using the form."""

    def test_another_message_is_answered(self):
        asked = Question()

        self.assertTrue(checked(client.add(asked.thread_id, "hello")).said)

    def test_another_message_does_nothing_to_the_todos(self):
        asked = Question()

        client.add(asked.thread_id, "hello")

        self.assertEqual(set(asked.states().values()), {"open"})

    def test_the_answer_may_be_written_as_a_message(self):
        asked = Question()

        checked(client.add(asked.thread_id, f"complete {asked.titles[1]}"))

        self.assertEqual(asked.states(), {asked.titles[0]: "open", asked.titles[1]: "done"})

    def test_the_question_can_be_asked_again(self):
        asked = Question()

        again = checked(client.add(asked.thread_id, f"complete the {asked.word}"))

        self.assertEqual((again.done[-1]["type"], again.done[-1]["status"]), ("structured_input", "pending"))
        self.assertNotEqual(again.done[-1]["id"], asked.item["id"])


class Refusing(unittest.TestCase):
    def submit(self, item_id):
        params = {"thread_id": question().thread_id, "item_id": item_id, "input": {"status": "answered", "answers": {}}}
        return client.request("threads.add_structured_input", **params)

    def test_an_unknown_item_is_not_found(self):
        self.assertEqual(self.submit("msg_unknown").status, 404)

    def test_an_item_that_asks_nothing_cannot_be_answered(self):
        answer = self.submit(question().asked.user_item["id"])

        self.assertTrue(client.refused_kindly(answer), answer)


if __name__ == "__main__":
    unittest.main()
