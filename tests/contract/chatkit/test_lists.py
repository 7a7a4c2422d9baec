"""Threads and items are listed as the official models and the component want it."""

import json
import unittest

import client
import conversations
from client import ask
from official import THREAD, left_out, unknown
from rules import bad_times, nulls


def ids(answer):
    return [row["id"] for row in answer.json["data"]]


@conversations.once
def thread_of_six():
    """A thread of three turns: a user message and a text each."""
    thread_id = client.create("hello").thread_id
    client.add(thread_id, "hello again")
    client.add(thread_id, "hello for the last time")
    return thread_id


@conversations.once
def thread_of_thirty():
    thread_id = client.create("hello").thread_id
    for _ in range(14):
        client.add(thread_id, "hello")
    return thread_id


@conversations.once
def three_threads():
    """Oldest first."""
    return [client.create("hello").thread_id for _ in range(3)]


class Items(unittest.TestCase):
    def list(self, **params):
        return ask("items.list", thread_id=thread_of_six(), **params)

    def test_the_newest_come_first_unless_asked_otherwise(self):
        self.assertEqual(ids(self.list()), ids(self.list(order="asc"))[::-1])

    def test_pages_in_ascending_order_join_without_gap_or_repetition(self):
        self.check_pages("asc")

    def test_pages_in_descending_order_join_without_gap_or_repetition(self):
        self.check_pages("desc")

    def check_pages(self, order):
        found, after = [], {}
        while True:
            page = self.list(order=order, limit=4, **after)
            found += ids(page)
            if not page.json["has_more"]:
                break
            after = {"after": page.json["after"]}
        self.assertEqual(found, ids(self.list(order=order)))
        self.assertEqual(len(found), 6)

    def test_after_is_the_id_of_the_last_row(self):
        page = self.list(limit=2)

        self.assertEqual(page.json["after"], ids(page)[-1])

    def test_any_item_is_a_marker_and_is_not_repeated(self):
        whole = ids(self.list(order="asc"))

        self.assertEqual(ids(self.list(order="asc", after=whole[2])), whole[3:])
        self.assertEqual(ids(self.list(order="desc", after=whole[2])), whole[1::-1])

    def test_nothing_follows_the_last_item(self):
        last = ids(self.list(order="asc"))[-1]

        page = self.list(order="asc", after=last)

        self.assertEqual((page.json["data"], page.json["has_more"]), ([], False))

    def test_the_limit_of_the_history_panel_is_taken(self):
        self.assertEqual(len(ids(self.list(limit=9999))), 6)

    def test_a_limit_may_be_written_as_text(self):
        self.assertEqual(len(ids(self.list(limit="5"))), 5)

    def test_a_page_that_holds_exactly_all_has_no_more(self):
        self.assertFalse(self.list(limit=6).json["has_more"])

    def test_a_marker_of_null_is_none(self):
        self.assertEqual(len(ids(self.list(after=None))), 6)

    def test_an_unknown_marker_is_refused(self):
        answer = client.request("items.list", thread_id=thread_of_six(), after="msg_unknown")

        self.assertIn(answer.status, range(400, 500), answer)

    def test_an_order_of_null_is_refused(self):
        self.check_refused(order=None)

    def test_an_unknown_order_is_refused(self):
        self.check_refused(order="newest")

    def test_a_limit_that_is_no_number_is_refused(self):
        self.check_refused(limit="many")

    def check_refused(self, **params):
        body = {"type": "items.list", "params": {"thread_id": thread_of_six(), **params}}
        answer = client.send(json.dumps(body).encode())

        self.assertIn(answer.status, range(400, 500), answer)
        self.assertTrue(answer.json["message"])

    def test_what_one_turn_left_is_listed_in_the_order_of_the_stream(self):
        turn = conversations.tool_turn()

        self.assertEqual(ids(client.items(turn.thread_id)), [item["id"] for item in turn.done])


class ItemsOfALongThread(unittest.TestCase):
    def check_twenty(self, **params):
        answer = ask("items.list", thread_id=thread_of_thirty(), **params)

        self.assertEqual((len(ids(answer)), answer.json["has_more"]), (20, True))

    def test_without_a_limit_a_page_has_20(self):
        self.check_twenty()

    def test_a_limit_of_zero_is_20(self):
        self.check_twenty(limit=0)

    def test_a_limit_of_null_is_20(self):
        self.check_twenty(limit=None)

    def test_a_thread_comes_with_its_oldest_20_items(self):
        page = ask("threads.get_by_id", thread_id=thread_of_thirty()).json["items"]

        whole = ids(client.items(thread_of_thirty()))
        self.assertEqual([row["id"] for row in page["data"]], whole[:20])
        self.assertEqual((page["has_more"], page["after"]), (True, whole[19]))

    def test_the_rest_follows_the_marker_that_came_with_the_thread(self):
        after = ask("threads.get_by_id", thread_id=thread_of_thirty()).json["items"]["after"]

        rest = client.items(thread_of_thirty(), after=after)

        self.assertEqual(ids(rest), ids(client.items(thread_of_thirty()))[20:])


class Threads(unittest.TestCase):
    def test_the_newest_come_first(self):
        page = ask("threads.list", limit=9999, order="desc")

        self.assertEqual([name for name in ids(page) if name in three_threads()], three_threads()[::-1])

    def test_the_oldest_come_first_if_asked(self):
        page = ask("threads.list", limit=9999, order="asc")

        self.assertEqual([name for name in ids(page) if name in three_threads()], three_threads())

    def test_the_newest_come_first_unless_asked_otherwise(self):
        three_threads()

        self.assertEqual(ids(ask("threads.list", limit=9999)), ids(ask("threads.list", limit=9999, order="desc")))

    def test_pages_join_without_gap_or_repetition(self):
        for order in ("asc", "desc"):
            oldest = three_threads()
            after = oldest[0] if order == "asc" else oldest[2]

            page = ask("threads.list", order=order, limit=1, after=after)

            self.assertEqual(ids(page), [oldest[1]], order)
            self.assertEqual((page.json["has_more"], page.json["after"]), (True, oldest[1]), order)

    def test_threads_are_listed_without_their_items(self):
        pages = [thread["items"] for thread in ask("threads.list", limit=9999).json["data"]]

        self.assertTrue(all(page == {"data": [], "has_more": False} for page in pages))

    def test_a_limit_of_null_or_zero_is_taken(self):
        for limit in (None, 0):
            self.assertLessEqual(len(ids(ask("threads.list", limit=limit))), 20)

    def test_an_order_of_null_is_refused(self):
        answer = client.send(b'{"type":"threads.list","params":{"order":null}}')

        self.assertIn(answer.status, range(400, 500), answer)


class Values(unittest.TestCase):
    """The serialisation of what is answered at once."""

    def answers(self):
        thread_id = conversations.tool_turn().thread_id
        return [ask("threads.get_by_id", thread_id=thread_id), client.items(thread_id), ask("threads.list", limit=3)]

    def test_nulls_are_left_out(self):
        self.assertEqual([nulls(answer.json) for answer in self.answers()], [[], [], []])

    def test_times_end_in_z(self):
        self.assertEqual([bad_times(answer.json) for answer in self.answers()], [[], [], []])

    def test_a_thread_has_the_official_fields_and_no_others(self):
        text = self.answers()[0].text

        self.assertEqual((left_out(THREAD, text), unknown(THREAD, text)), ([], []))

    def test_metadata_of_a_thread_is_not_shown(self):
        self.assertEqual(self.answers()[0].json["metadata"], {})

    def test_hidden_items_stay_hidden(self):
        self.assertNotIn("hidden_context", "".join(answer.text for answer in self.answers()))

    def test_a_thread_brings_the_very_bytes_that_are_listed(self):
        thread, listed, _ = self.answers()

        page = conversations.members(conversations.members(thread.text)["items"])["data"]

        self.assertEqual(conversations.elements(page), list(conversations.items_of_list(listed).values()))


if __name__ == "__main__":
    unittest.main()
