"""Talks to a running server as a browser does, and keeps the very bytes."""

import http.client
import json
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import document
from official import REQUEST, RESPONSES

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000")
HEADERS = {
    "content-type": "application/json",
    "accept-language": "en",
    "chatkit-frame-instance-id": "7a1f0f5e-31c4-4f0e-9a55-6f2f7f0c0d11",
}
PATIENCE = 60


@dataclass(frozen=True)
class Answer:
    """What came back: the bytes, and whether the body broke off."""

    status: int
    headers: dict
    body: bytes
    broke_off: bool

    @property
    def content_type(self):
        return self.headers.get("content-type", "")

    @property
    def is_stream(self):
        return self.content_type.startswith("text/event-stream")

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def frames(self):
        """The JSON text of each event."""
        return re.findall(r"^data: (.*)$", self.text, re.MULTILINE)

    @property
    def events(self):
        return [json.loads(frame) for frame in self.frames]

    def of_type(self, name):
        return [event for event in self.events if event["type"] == name]

    @property
    def done(self):
        """The items that are whole, in the order in which they came."""
        return [event["item"] for event in self.of_type("thread.item.done")]

    @property
    def thread_id(self):
        return next(item["thread_id"] for item in self.done)

    @property
    def user_item(self):
        return next(item for item in self.done if item["type"] == "user_message")

    @property
    def said(self):
        """The text of the assistant's last message."""
        message = [item for item in self.done if item["type"] == "assistant_message"][-1]
        return "".join(part["text"] for part in message["content"])

    def __str__(self):
        return f"HTTP {self.status}, {self.content_type}, {self.body[:600]!r}"


def send(body, method="POST", path="/chatkit", headers=None, base=BASE_URL):
    """One request, whatever its body. What comes back has to be what our document promises."""
    answer = exchange(body, method, path, headers, base)
    found = [] if answer.broke_off else document.faults(method, path, body, answer)
    assert not found, "\n".join(found)
    return answer


def exchange(body, method, path, headers, base):
    address = urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body=body, headers=HEADERS if headers is None else headers)
        response = connection.getresponse()
        try:
            received, broke_off = response.read(), False
        except http.client.IncompleteRead as error:
            received, broke_off = error.partial, True
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, received, broke_off)
    finally:
        connection.close()


def request(kind, /, **params):
    """A request of the protocol. It has to be one in the eyes of the official models too."""
    body = {"type": kind, "params": params}
    REQUEST.validate_python(body)
    return send(json.dumps(body, ensure_ascii=False).encode())


def ask(kind, /, **params):
    """A request that is answered with one JSON value of the official kind."""
    answer = request(kind, **params)
    assert answer.status == 200, f"{kind}: {answer}"
    assert answer.content_type.split(";")[0] == "application/json", f"{kind}: {answer}"
    RESPONSES[kind].validate_json(answer.body)
    return answer


def stream(kind, /, **params):
    """A request that is answered with a stream."""
    answer = request(kind, **params)
    assert answer.status == 200 and answer.is_stream, f"{kind}: {answer}"
    return answer


def message(text, **fields):
    """What the composer sends."""
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "quoted_text": "", "attachments": [], "inference_options": {}, **fields}


def create(text):
    return stream("threads.create", input=message(text))


def add(thread_id, text):
    return stream("threads.add_user_message", thread_id=thread_id, input=message(text))


def retry(thread_id, item_id):
    return stream("threads.retry_after_item", thread_id=thread_id, item_id=item_id)


def items(thread_id, **params):
    return ask("items.list", thread_id=thread_id, **{"limit": 9999, "order": "asc", **params})


def refused_kindly(answer):
    """A 4xx that says why in JSON, or a whole stream of one error event."""
    if answer.is_stream:
        return answer.status == 200 and not answer.broke_off and [event["type"] for event in answer.events] == ["error"]
    return 400 <= answer.status < 500 and bool(answer.json["message"].strip())
