"""The official models, and what they say of a piece of JSON."""

import json

from chatkit.types import ChatKitReq, Page, StructuredInputItem, Thread, ThreadItem, ThreadStreamEvent
from pydantic import TypeAdapter, ValidationError

REQUEST = TypeAdapter(ChatKitReq)
EVENT = TypeAdapter(ThreadStreamEvent)
THREAD = TypeAdapter(Thread)
NOTHING = TypeAdapter(dict[str, None])
STRUCTURED_INPUT = TypeAdapter(StructuredInputItem)

RESPONSES = {
    "threads.get_by_id": THREAD,
    "threads.update": THREAD,
    "threads.list": TypeAdapter(Page[Thread]),
    "items.list": TypeAdapter(Page[ThreadItem]),
    "threads.delete": NOTHING,
    "items.feedback": NOTHING,
}


def refused(model, text):
    """Why the official model does not take this JSON."""
    try:
        model.validate_json(text)
    except ValidationError as error:
        return [f"{text[:200]}: {error}"]
    return []


def left_out(model, text):
    """Fields that the official server would write here, but are not there."""
    value = model.validate_json(text)
    return missing(json.loads(model.dump_json(value, by_alias=True, exclude_none=True)), json.loads(text))


def unknown(model, text):
    """Fields that are there, but that the official models do not know."""
    value = model.validate_json(text)
    return missing(json.loads(text), json.loads(model.dump_json(value, by_alias=True)))


def missing(wanted, given, place=""):
    """Places of the first value that the second lacks."""
    if isinstance(wanted, dict) and isinstance(given, dict):
        found = [f"{place}/{key}" for key in wanted if key not in given]
        return found + [spot for key in wanted if key in given for spot in missing(wanted[key], given[key], f"{place}/{key}")]
    if isinstance(wanted, list) and isinstance(given, list):
        return [spot for at, pair in enumerate(zip(wanted, given)) for spot in missing(*pair, f"{place}/{at}")]
    return []
