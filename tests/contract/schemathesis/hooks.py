"""What Schemathesis cannot read in our document: that a stream consists of events, and which threads there are."""

import re

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

# What one event of a stream is, in the words of OpenAPI 3.2. The document is of 3.1, which describes the whole body only.
EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Event"},
        },
        "event": {"const": "message"},
    },
    "additionalProperties": False,
}
TURNLESS = {"threads.get_by_id", "threads.list", "threads.update", "threads.delete", "items.list", "items.feedback"}
THREAD = re.compile(r'"thr_[0-9a-f]{32}"')
KEPT = 20

threads = []


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # It is at another address, where nothing is made up: a reload would meet a server that has no file.
    del raw_schema["paths"]["/admin/reload"]
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                for kind, content in answer.get("content", {}).items():
                    if kind == "text/event-stream":
                        del content["schema"]
                        content["itemSchema"] = EVENT


@schemathesis.hook
def after_call(context, case, response):
    """Remembers the last threads that there were."""
    for found in THREAD.findall(response.content.decode("utf-8", "replace")):
        threads.append(found.strip('"'))
    del threads[:-KEPT]


@schemathesis.hook
def map_body(context, body):
    """Every other id that is well-formed becomes the id of a thread that there is: a random one never is."""
    holder = body.get("params", body) if isinstance(body, dict) else None
    given = holder.get("thread_id") if isinstance(holder, dict) else None
    if threads and isinstance(given, str) and re.fullmatch(r"[!-~]{1,128}", given) and sum(given.encode()) % 2 == 0:
        holder["thread_id"] = threads[len(given) % len(threads)]
    return body


# The official checks of these kinds know statuses only. Ours know what else says no, and that a request of the right
# form may still ask for what is not offered or break a rule of the operator, such as the longest message.
@schemathesis.check
def wrong_requests_are_refused(context, response, case):
    if not is_refusal(response) and not is_ignored(case):
        negative_data_rejection(context, response, case)


@schemathesis.check
def right_requests_are_taken(context, response, case):
    if not breaks_a_rule(response):
        positive_data_acceptance(context, response, case)


def is_refusal(response):
    """A stream of one `error` event: the ChatKit form refuses with it what it would answer with a stream."""
    body = response.content
    return body.startswith(b'data: {"type":"error"') and body.count(b"data: ") == 1


def is_ignored(case):
    """A wrong header of a request that begins no turn."""
    kind = case.body.get("type") if isinstance(case.body, dict) else None
    return isinstance(kind, str) and kind in TURNLESS and not case.meta.is_negative_at(ParameterLocation.BODY)


def breaks_a_rule(response):
    return response.status_code == 422 and response.json()["code"] in {"not_offered", "rules"}
