"""Every kind of stream keeps every rule, and what it ended with is what is listed."""

import unittest

import client
import conversations
from client import message
from rules import RULES, every_event_is_official, there_are_no_unknown_fields


class StreamFacts:
    """One test for each rule; a subclass says which stream."""

    begins_with = []

    def answer(self):
        raise NotImplementedError

    def test_it_begins_as_it_must(self):
        types = [event["type"] for event in self.answer().events]

        self.assertEqual(types[: len(self.begins_with)], self.begins_with)

    def test_threads_are_created_only_at_the_beginning(self):
        expected = self.begins_with.count("thread.created")

        self.assertEqual(len(self.answer().of_type("thread.created")), expected)

    def test_user_messages_are_told_only_at_the_beginning(self):
        told = [item for item in self.answer().done if item["type"] == "user_message"]

        self.assertEqual(len(told), self.begins_with.count("thread.item.done"))

    def test_what_is_listed_is_what_was_streamed_byte_for_byte(self):
        streamed = conversations.items_of_stream(self.answer())

        listed = conversations.items_of_list(self.listing())

        first = list(listed).index(next(iter(streamed)))
        self.assertEqual(list(listed.items())[first:], list(streamed.items()))

    def listing(self):
        return client.items(self.answer().thread_id)


def fact(rule):
    def test(self):
        self.assertEqual(rule(self.answer()), [])

    return test


for each in RULES:
    setattr(StreamFacts, f"test_{each.__name__}", fact(each))

CREATED = ["thread.created", "thread.item.done", "stream_options"]


class AThreadThatIsCreated(StreamFacts, unittest.TestCase):
    begins_with = CREATED

    def answer(self):
        return conversations.greeting()

    def test_awkward_text_comes_back_as_it_was_sent(self):
        [part] = self.answer().user_item["content"]

        self.assertEqual(part["text"], conversations.AWKWARD)

    def test_what_the_composer_leaves_empty_is_echoed_empty(self):
        item = self.answer().user_item

        self.assertEqual((item["quoted_text"], item["attachments"], item["inference_options"]), ("", [], {}))


class ATurnWithToolCalls(StreamFacts, unittest.TestCase):
    begins_with = CREATED

    def answer(self):
        return conversations.tool_turn()

    def test_each_call_is_a_step_of_one_workflow(self):
        flows = [item["workflow"] for item in self.answer().done if item["type"] == "workflow"]

        self.assertEqual([len(flow["tasks"]) for flow in flows if flow["type"] == "custom"], [3])

    def test_the_text_comes_last(self):
        self.assertEqual(self.answer().done[-1]["type"], "assistant_message")

    def test_each_step_is_seen_loading_and_then_complete(self):
        updates = [event["update"] for event in self.answer().of_type("thread.item.updated")]
        complete = [
            update["task_index"]
            for update in updates
            if update["type"] == "workflow.task.updated" and update["task"]["status_indicator"] == "complete"
        ]

        self.assertEqual(complete, [0, 1, 2])


class AMessageThatIsAdded(StreamFacts, unittest.TestCase):
    begins_with = CREATED[1:]

    def answer(self):
        return conversations.second_message()


class AMessageThatIsAnsweredAgain(StreamFacts, unittest.TestCase):
    begins_with = CREATED[2:]

    def answer(self):
        return conversations.retried()


class ATurnThatEndsWithAQuestion(StreamFacts, unittest.TestCase):
    begins_with = CREATED[1:]

    def answer(self):
        return conversations.question().asked


class AQuestionThatIsAnswered(StreamFacts, unittest.TestCase):
    begins_with = ["stream_options", "thread.item.replaced"]

    def answer(self):
        return conversations.answered()[1]


class AQuestionThatIsSkipped(StreamFacts, unittest.TestCase):
    begins_with = ["stream_options", "thread.item.replaced"]

    def answer(self):
        return conversations.skipped()[1]


class AVeryLongMessage(StreamFacts, unittest.TestCase):
    begins_with = CREATED

    def answer(self):
        return conversations.long_message()


class ARefusalThatTheComponentMustShow(unittest.TestCase):
    """It shows no text of a 4xx to a message, so a broken rule is told as an event."""

    def answer(self):
        return client.stream("threads.create", input=message(" "))

    def test_it_is_one_error_and_nothing_else(self):
        self.assertEqual([event["type"] for event in self.answer().events], ["error"])

    def test_it_is_official(self):
        self.assertEqual((every_event_is_official(self.answer()), there_are_no_unknown_fields(self.answer())), ([], []))

    def test_it_says_why_and_offers_no_other_try(self):
        [error] = self.answer().events

        self.assertEqual((bool(error["message"]), error["allow_retry"]), (True, False))

    def test_no_thread_is_left_behind(self):
        before = client.ask("threads.list", limit=1).text

        self.answer()

        self.assertEqual(client.ask("threads.list", limit=1).text, before)


if __name__ == "__main__":
    unittest.main()
