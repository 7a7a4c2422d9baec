"""Titles, renaming, deletion, feedback, and answering again."""

import unittest

import client
import conversations
from client import ask


def get(thread_id):
    return ask("threads.get_by_id", thread_id=thread_id).json


def titles(answer):
    return [event["thread"].get("title") for event in answer.of_type("thread.updated")]


class Titles(unittest.TestCase):
    def test_a_new_thread_has_none(self):
        [created] = conversations.tool_turn().of_type("thread.created")

        self.assertNotIn("title", created["thread"])

    def test_one_appears_in_the_stream_of_the_first_turn(self):
        [title] = titles(conversations.tool_turn())

        self.assertTrue(title.strip())

    def test_what_the_stream_said_is_kept(self):
        turn = conversations.tool_turn()

        self.assertEqual([get(turn.thread_id)["title"]], titles(turn))

    def test_it_is_short_and_of_one_line(self):
        [title] = titles(conversations.long_message())

        self.assertLessEqual(len(title), 100)
        self.assertEqual(len(title.splitlines()), 1)

    def test_the_second_turn_says_none(self):
        self.assertEqual(titles(conversations.second_message()), [])

    def test_it_stands_in_the_list_of_threads(self):
        turn = conversations.tool_turn()

        listed = ask("threads.list", limit=9999).json["data"]

        self.assertEqual([thread["title"] for thread in listed if thread["id"] == turn.thread_id], titles(turn))


class Renaming(unittest.TestCase):
    title = "Einkäufe ✅ \"this\" week"

    def renamed(self):
        thread_id = client.create("hello").thread_id
        return ask("threads.update", thread_id=thread_id, title=self.title)

    def test_the_answer_is_the_thread_with_its_new_title(self):
        self.assertEqual(self.renamed().json["title"], self.title)

    def test_the_answer_comes_without_items(self):
        self.assertEqual(self.renamed().json["items"], {"data": [], "has_more": False})

    def test_the_title_is_kept(self):
        self.assertEqual(get(self.renamed().json["id"])["title"], self.title)

    def test_a_later_turn_leaves_it_alone(self):
        thread_id = self.renamed().json["id"]

        turn = conversations.checked(client.add(thread_id, "what is on my list?"))

        self.assertEqual((titles(turn), get(thread_id)["title"]), ([], self.title))

    def test_answering_the_first_message_again_leaves_it_alone(self):
        first = client.create("hello")
        ask("threads.update", thread_id=first.thread_id, title=self.title)

        turn = client.retry(first.thread_id, first.user_item["id"])

        self.assertEqual((titles(turn), get(first.thread_id)["title"]), ([], self.title))

    def test_nothing_else_changes(self):
        before = get(conversations.second_message().thread_id)

        ask("threads.update", thread_id=before["id"], title=self.title)

        self.assertEqual(get(before["id"]), {**before, "title": self.title})


class Deletion(unittest.TestCase):
    def deleted(self):
        thread_id = client.create("hello").thread_id
        self.answer = ask("threads.delete", thread_id=thread_id)
        return thread_id

    def test_the_answer_is_empty(self):
        self.deleted()

        self.assertEqual(self.answer.json, {})

    def test_the_thread_is_not_found_any_more(self):
        self.assertEqual(client.request("threads.get_by_id", thread_id=self.deleted()).status, 404)

    def test_its_items_are_not_found_any_more(self):
        self.assertEqual(client.request("items.list", thread_id=self.deleted()).status, 404)

    def test_it_is_not_listed_any_more(self):
        thread_id = self.deleted()

        self.assertNotIn(thread_id, ask("threads.list", limit=9999).text)

    def test_it_takes_no_more_messages(self):
        params = {"thread_id": self.deleted(), "input": client.message("hello")}

        self.assertEqual(client.request("threads.add_user_message", **params).status, 404)

    def test_other_threads_stay(self):
        other = client.create("hello").thread_id
        before = get(other)

        self.deleted()

        self.assertEqual(get(other), before)


class Feedback(unittest.TestCase):
    def check(self, kind):
        turn = conversations.tool_turn()
        names = [item["id"] for item in turn.done[1:]]

        answer = ask("items.feedback", thread_id=turn.thread_id, item_ids=names, kind=kind)

        self.assertEqual(answer.json, {})

    def test_praise_is_taken(self):
        self.check("positive")

    def test_blame_is_taken(self):
        self.check("negative")

    def test_the_items_stay_as_they_are(self):
        turn = conversations.tool_turn()
        before = client.items(turn.thread_id).body

        self.check("negative")

        self.assertEqual(client.items(turn.thread_id).body, before)


class AnsweringAgain(unittest.TestCase):
    def setUp(self):
        self.first = client.create("hello")
        self.second = client.add(self.first.thread_id, "what is on my list?")

    def retry(self, turn):
        return conversations.checked(client.retry(turn.thread_id, turn.user_item["id"]))

    def test_all_later_items_are_dropped(self):
        again = self.retry(self.first)

        listed = conversations.items_of_list(client.items(self.first.thread_id))
        self.assertEqual(list(listed), [self.first.user_item["id"], *conversations.items_of_stream(again)])

    def test_earlier_items_stay(self):
        before = conversations.items_of_list(client.items(self.first.thread_id))

        self.retry(self.second)

        kept = list(conversations.items_of_list(client.items(self.first.thread_id)).items())
        count = len(self.first.done) + 1
        self.assertEqual(kept[:count], list(before.items())[:count])

    def test_the_new_answer_has_ids_of_its_own(self):
        again = self.retry(self.second)

        old = {item["id"] for item in self.second.done}
        self.assertFalse(old & {item["id"] for item in again.done})

    def test_the_dropped_items_are_not_told(self):
        self.assertEqual(self.retry(self.first).of_type("thread.item.removed"), [])

    def test_the_user_message_is_not_told_again(self):
        self.assertNotIn("user_message", [item["type"] for item in self.retry(self.first).done])

    def test_it_can_be_answered_again_and_again(self):
        self.retry(self.second)

        self.assertTrue(self.retry(self.second).said)

    def test_a_message_of_the_assistant_cannot_be_answered_again(self):
        before = client.items(self.first.thread_id).body

        answer = client.request(
            "threads.retry_after_item", thread_id=self.first.thread_id, item_id=self.first.done[-1]["id"]
        )

        self.assertTrue(client.refused_kindly(answer), answer)
        self.assertEqual(client.items(self.first.thread_id).body, before)


if __name__ == "__main__":
    unittest.main()
