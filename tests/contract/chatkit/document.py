"""What our own document says of an answer."""

import json
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "specs/contracts/openapi.yaml").read_text("utf-8"))


def validator(schema):
    return Draft202012Validator({"allOf": [schema], "components": DOCUMENT["components"]})


REQUEST = validator({"$ref": "#/components/schemas/ChatKitRequest"})
EVENT = validator({"$ref": "#/components/schemas/Event"})


def faults(method, path, body, answer):
    """Where an answer, or a request that was taken, is not as documented."""
    operation = DOCUMENT["paths"].get(path, {}).get(method.lower())
    # What has servers of its own is not served here.
    if operation is None or "servers" in operation:
        return []
    documented = operation["responses"].get(str(answer.status))
    if documented is None:
        return [f"{path} answers {answer.status}"]
    if "$ref" in documented:
        documented = DOCUMENT["components"]["responses"][documented["$ref"].rpartition("/")[2]]
    kind = answer.content_type.partition(";")[0]
    if kind not in documented.get("content", {kind: None}):
        return [f"{path} answers {answer.status} with {kind}"]
    if answer.is_stream:
        wrong = [fault for event in answer.events for fault in told(EVENT, event)]
        refused = [event["type"] for event in answer.events] == ["error"]
    else:
        schema = documented["content"][kind]["schema"] if "content" in documented else {}
        wrong = told(validator(schema), answer.json if kind.endswith("json") else answer.text)
        refused = answer.status >= 400
    if path == "/chatkit" and not refused:
        wrong += told(REQUEST, json.loads(body))
    return wrong


def told(documented, value):
    return [f"{json.dumps(value)[:300]}: {error.message[:300]}" for error in documented.iter_errors(value)]
