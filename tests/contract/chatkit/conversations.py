"""Turns that several tests look at, each held once, and the raw text of what was listed."""

import json
import random

import client
from rules import faults

AWKWARD = 'Grüße ✅ "quoted" \\ <b>&amp;</b>\u2028next\ttab\nline 🥛 שלום'


def unique(word):
    return word + "".join(random.choices("bcdfghjklmnpqrstvwxz", k=6))


def add_todos(*titles):
    return f"add {', '.join(titles[:-1])} and {titles[-1]}"


def once(record):
    """Records at the first call only; what went wrong then is said again at once."""
    kept = []

    def recorded():
        if not kept:
            try:
                kept.append((record(), None))
            except Exception as error:
                kept.append((None, error))
        answer, error = kept[0]
        if error is not None:
            raise error
        return answer

    return recorded


@once
def greeting():
    return client.create(AWKWARD)


@once
def tool_turn():
    return client.create(add_todos(unique("milk"), unique("eggs"), unique("bread")))


@once
def second_message():
    first = client.create("hello")
    return client.add(first.thread_id, add_todos(unique("plums"), unique("pears")))


@once
def long_message():
    return client.create("milk 🥛 " * 12_000)


@once
def retried():
    first = client.create("hello")
    return client.retry(first.thread_id, first.user_item["id"])


class Question:
    """Three todos, two of which share a word, and the question which of the two is meant."""

    def __init__(self):
        self.word = unique("milk")
        self.titles = [f"buy oat {self.word}", f"buy soy {self.word}"]
        self.thread_id = client.create(add_todos(*self.titles, f"call {unique('mum')}")).thread_id
        self.asked = client.add(self.thread_id, f"complete the {self.word}")
        self.item = self.asked.done[-1]
        assert self.item["type"] == "structured_input", f"the turn did not end with a question: {self.item}"

    @property
    def options(self):
        return [option["value"] for option in self.item["inputs"][0]["options"]]

    def option(self, number):
        """The option that names this todo."""
        return next(option for option in self.options if self.titles[number] in option.lower())

    def reply(self, status="answered", answers=None, send=client.stream):
        submission = {"status": status, "answers": answers or {}}
        params = {"thread_id": self.thread_id, "item_id": self.item["id"], "input": submission}
        return send("threads.add_structured_input", **params)

    def choose(self, *values, **others):
        return self.reply(answers={self.item["inputs"][0]["id"]: {"values": list(values)}, **others})

    def states(self):
        """Each todo's title, in small letters, and whether it is open."""
        return todos_about(self.word)


@once
def question():
    return Question()


@once
def answered():
    asked = Question()
    return asked, asked.choose(asked.option(0))


@once
def skipped():
    asked = Question()
    return asked, asked.reply("skipped")


def todos_about(word):
    headers = {"content-type": "application/json", "accept": "application/json"}
    body = json.dumps({"message": f"find todos about {word}"}).encode()
    answer = client.send(body, path="/chat", headers=headers)
    [call] = answer.json["tool_calls"]
    return {todo["title"].lower(): todo["status"] for todo in json.loads(call["result"])["todos"]}


def checked(answer):
    """An answer that breaks no rule."""
    assert not faults(answer), faults(answer)
    return answer


# --- Raw text ---------------------------------------------------------------


def items_of_stream(answer):
    """The JSON text of each item as the stream left it, by id, in order."""
    left = {}
    for frame in answer.frames:
        event = members(frame)
        if json.loads(event["type"]) in ("thread.item.done", "thread.item.replaced"):
            left[json.loads(event["item"])["id"]] = event["item"]
    return left


def items_of_list(answer):
    """The JSON text of each item of a page, by id, in order."""
    return {json.loads(text)["id"]: text for text in elements(members(answer.text)["data"])}


def members(text):
    """The raw text of each value of an object in compact JSON."""
    found, at = {}, 1
    while text[at - 1] != "}":
        name, at = json.JSONDecoder().raw_decode(text, at)
        _, end = json.JSONDecoder().raw_decode(text, at + 1)
        found[name] = text[at + 1 : end]
        at = end + 1
    return found


def elements(text):
    """The raw text of each value of an array in compact JSON."""
    found, at = [], 1
    while text[at - 1] != "]" and text[at] != "]":
        _, end = json.JSONDecoder().raw_decode(text, at)
        found.append(text[at:end])
        at = end + 1
    return found
