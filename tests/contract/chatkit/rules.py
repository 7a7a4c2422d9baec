"""The rules of a stream: each is named for what holds, takes an answer and gives what breaks it."""

import json
import re

from official import EVENT, left_out, refused, unknown

FREE = {"arguments", "output", "payload", "metadata", "result"}
HIDDEN = {"hidden_context_item", "sdk_hidden_context"}
ITEM_EVENTS = {"thread.item.added", "thread.item.done", "thread.item.replaced"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
# Frames, and comments that no blank line turns into an empty message.
LAYOUT = re.compile(rb"(: [^\r\n]*\n|data: [^\r\n]+\n\n)*")
RULES = []


def rule(check):
    RULES.append(check)
    return check


def faults(answer):
    """Everything that is broken, under the rule's name."""
    return {check.__name__: found for check in RULES if (found := check(answer))}


# --- Bytes ------------------------------------------------------------------


@rule
def the_body_is_whole(answer):
    if answer.broke_off:
        return ["the body broke off"]
    return [] if answer.body.endswith(b"\n\n") else [f"the last frame is not ended: {answer.body[-80:]!r}"]


@rule
def there_are_only_frames_and_harmless_comments(answer):
    end = LAYOUT.match(answer.body).end()
    return [] if end == len(answer.body) else [f"neither frame nor comment: {answer.body[end:][:80]!r}"]


@rule
def there_is_no_done_marker(answer):
    return ["there is a [DONE]"] if b"[DONE]" in answer.body else []


@rule
def json_is_compact_and_unescaped(answer):
    """Compact, each name once, and no character escaped that JSON lets stand."""
    return [frame[:200] for frame in answer.frames if written(json.loads(frame)) != frame]


def written(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@rule
def nothing_on_the_way_may_cache_it(answer):
    return [] if answer.headers.get("cache-control") == "no-cache" else ["cache-control is not no-cache"]


# --- Values -----------------------------------------------------------------


@rule
def every_event_is_official(answer):
    return [fault for frame in answer.frames for fault in refused(EVENT, frame)]


@rule
def there_are_no_unknown_fields(answer):
    return [fault for frame in answer.frames for fault in unknown(EVENT, frame)]


@rule
def fields_with_defaults_are_written(answer):
    return [fault for frame in answer.frames for fault in left_out(EVENT, frame)]


@rule
def nulls_are_left_out(answer):
    return [fault for event in answer.events for fault in nulls(event)]


def nulls(value, place=""):
    if value is None:
        return [place]
    return [fault for name, part in parts(value) if name not in FREE for fault in nulls(part, f"{place}/{name}")]


@rule
def times_end_in_z(answer):
    return [fault for event in answer.events for fault in bad_times(event)]


def bad_times(value):
    here = value.get("created_at") if isinstance(value, dict) else None
    found = [here] if here is not None and not TIME.fullmatch(here) else []
    return found + [fault for _, part in parts(value) for fault in bad_times(part)]


def parts(value):
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


# --- Threads ----------------------------------------------------------------


@rule
def hidden_items_stay_hidden(answer):
    return [item["type"] for item in told(answer) if item["type"] in HIDDEN]


@rule
def all_is_of_one_thread(answer):
    ids = {item["thread_id"] for item in told(answer)}
    ids |= {event["thread"]["id"] for event in answer.events if "thread" in event}
    return [] if len(ids) < 2 else [f"threads {ids}"]


@rule
def threads_come_without_items(answer):
    return [event["type"] for event in answer.events if "thread" in event and event["thread"]["items"]["data"]]


@rule
def options_come_once(answer):
    count = len(answer.of_type("stream_options"))
    return [] if count == 1 else [f"{count} times stream_options"]


def told(answer):
    return [event["item"] for event in answer.events if event["type"] in ITEM_EVENTS]


# --- Items that grow --------------------------------------------------------


class Replay:
    """Builds the items as a front end would, and writes down what does not fit."""

    def __init__(self, answer):
        self.open, self.done = {}, set()
        self.unannounced, self.late, self.gaps, self.differing, self.crowded = [], [], [], [], []
        for event in answer.events:
            if event["type"] == "thread.item.added":
                self.begin(event["item"])
            elif event["type"] == "thread.item.updated":
                self.grow(event["item_id"], event["update"])
            elif event["type"] == "thread.item.done":
                self.end(event["item"])

    def begin(self, item):
        if item["id"] in self.done or item["id"] in self.open:
            self.late.append(f"{item['id']} begins twice")
        if self.open:
            self.crowded.append(f"{item['id']} begins while {list(self.open)} are open")
        self.open[item["id"]] = json.loads(written(item))

    def grow(self, name, update):
        if name in self.done:
            self.late.append(f"{name} grows after it was done")
        elif name not in self.open:
            self.unannounced.append(f"{name} grows before it was added")
        elif update["type"].startswith("workflow.task."):
            self.place(self.open[name]["workflow"]["tasks"], update["task_index"], update["task"], update["type"])
        elif update["type"].startswith("assistant_message.content_part."):
            self.write(self.open[name]["content"], update)

    def write(self, content, update):
        index = update["content_index"]
        if not update["type"].endswith("text_delta"):
            self.place(content, index, update["content"], update["type"])
        elif index < len(content):
            content[index]["text"] += update["delta"]
        else:
            self.gaps.append(f"text for part {index} of {len(content)}")

    def place(self, row, index, value, kind):
        if kind.endswith(".added") and index == len(row):
            row.append(value)
        elif not kind.endswith(".added") and index < len(row):
            row[index] = value
        else:
            self.gaps.append(f"{kind} at {index} of {len(row)}")

    def end(self, item):
        if item["id"] in self.done:
            self.late.append(f"{item['id']} is done twice")
        self.done.add(item["id"])
        grown = self.open.pop(item["id"], None)
        if grown and grown["type"] == "workflow":
            item = json.loads(written(item))
            item["workflow"].pop("summary", None)
            # A thought is shown again only once it has doubled; the whole of it comes when it is done.
            for task, shown in zip(item["workflow"]["tasks"], grown["workflow"]["tasks"]):
                if task["type"] == "thought" and task["content"].startswith(shown.get("content", "\0")):
                    task["content"] = shown["content"]
        if grown and grown != item:
            self.differing.append(f"grown {grown}, done {item}")


@rule
def items_are_added_before_they_grow(answer):
    return Replay(answer).unannounced


@rule
def nothing_comes_after_done(answer):
    return Replay(answer).late


@rule
def indexes_have_no_gaps(answer):
    return Replay(answer).gaps


@rule
def items_are_done_as_they_grew(answer):
    return Replay(answer).differing


@rule
def one_item_grows_at_a_time(answer):
    return Replay(answer).crowded


@rule
def no_item_is_left_open(answer):
    return list(Replay(answer).open)


@rule
def no_delta_is_empty(answer):
    updates = [event["update"] for event in answer.of_type("thread.item.updated")]
    return [update for update in updates if update.get("delta") == ""]


@rule
def no_item_is_empty(answer):
    """A message without words, or steps without a step, would show as a gap."""
    texts = [item for item in answer.done if item["type"] == "assistant_message"]
    silent = [item["id"] for item in texts if not "".join(part["text"] for part in item["content"]).strip()]
    return silent + [item["id"] for item in workflows(answer) if not item["workflow"]["tasks"]]


# --- Workflows --------------------------------------------------------------


def workflows(answer):
    return [item for item in answer.done if item["type"] == "workflow"]


@rule
def workflows_are_summed_up(answer):
    return [item["id"] for item in workflows(answer) if "duration" not in item["workflow"].get("summary", {})]


@rule
def no_step_is_left_loading(answer):
    tasks = [task for item in workflows(answer) for task in item["workflow"]["tasks"]]
    return [task for task in tasks if task["status_indicator"] == "loading"]


@rule
def thoughts_and_calls_have_workflows_of_their_own(answer):
    kinds = {"reasoning": "thought", "custom": "custom"}
    flows = [item["workflow"] for item in workflows(answer)]
    return [flow for flow in flows if any(task["type"] != kinds[flow["type"]] for task in flow["tasks"])]


# --- The end ----------------------------------------------------------------


@rule
def there_is_no_error(answer):
    return [event.get("message") or event["code"] for event in answer.of_type("error")]
