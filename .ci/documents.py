"""Checks what no compiler checks: the OpenAPI document against the code, the compose file, the image, the list of variables."""

import re
import sys
from http import HTTPStatus
from pathlib import Path

import yaml

# For each schema, the Rust enum whose variants must be the same words.
WORDS = {
    "Event": ("src/streaming/chatkit/frame.rs", "Frame"),
    "ItemUpdate": ("src/streaming/chatkit/update.rs", "Update"),
    "Item": ("src/base/domain/item.rs", "ItemContent"),
    "UserContent": ("src/base/domain/item.rs", "UserContent"),
    "Task": ("src/base/domain/workflow.rs", "TaskContent"),
    "TaskStatus": ("src/base/domain/workflow.rs", "TaskStatus"),
    "Question": ("src/base/domain/question.rs", "QuestionKind"),
    "Source": ("src/base/domain/source.rs", "SourceKind"),
    "Outcome": ("src/base/domain/outcome.rs", "Outcome"),
}
# Items that never leave the server.
HIDDEN = {"hidden_context_item", "sdk_hidden_context"}
# The service that uses a variable, if it is not the orchestrator.
OWNERS = {"TODO_DATABASE_URL": "todo", "TODO_ALLOWED_HOSTS": "todo", "TODO_TOKENS_FILE": "todo", "POSTGRES_PASSWORD": "postgres"}
# Used outside of the containers only: the port of PostgreSQL on the machine.
OF_THE_MACHINE = {"POSTGRES_PORT"}
# Bases of an image that contain no shell. Those tagged `debug` do.
WITHOUT_SHELL = re.compile(r"(scratch|gcr\.io/distroless/(static|cc)-debian\d+:nonroot(@sha256:[0-9a-f]{64})?)")
# A base that cannot change under its name.
PINNED = re.compile(r"scratch|.+@sha256:[0-9a-f]{64}")
# Statuses with a different name in Python.
STATUSES = {"PAYLOAD_TOO_LARGE": "REQUEST_ENTITY_TOO_LARGE"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def load(path):
    return yaml.safe_load(read(path))


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def target(document, reference):
    node = document
    for part in reference.removeprefix("#/").split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    return node


def words(document, schema):
    """The words that a schema distinguishes: its own values, or those of `type`."""
    schema = target(document, schema["$ref"]) if "$ref" in schema else schema
    for part in schema.get("oneOf", []) + schema.get("allOf", []):
        yield from words(document, part)
    for place in (schema, schema.get("properties", {}).get("type", {})):
        yield from place.get("enum", [place["const"]] if "const" in place else [])


def variants(path, name):
    """The variants of a Rust enum as serde writes them."""
    body = re.search(rf"^pub(?:\(\w+\))? enum {name}\b.*?^}}", read(path), re.M | re.S).group()
    for renamed, variant in re.findall(r'^    (?:#\[serde\(rename = "(.+)"\)\]\n    )?([A-Z]\w+)', body, re.M):
        yield renamed or re.sub(r"\B(?=[A-Z])", "_", variant).lower()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def refusals(document):
    """Each status with each of its error codes."""
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            answer = target(document, answer["$ref"]) if "$ref" in answer else answer
            problem = answer.get("content", {}).get("application/problem+json")
            for code in problem["schema"]["properties"]["code"]["enum"] if problem else []:
                yield f"{status} {code}"


def agreed(what, documented, coded):
    documented, coded = set(documented), set(coded)
    for word in sorted(documented - coded):
        yield f"{what}: the code has no {word}"
    for word in sorted(coded - documented):
        yield f"{what}: the document has no {word}"


def contract(path):
    document = load(path)
    if not str(document.get("openapi", "")).startswith("3.1"):
        yield f"{path}: not OpenAPI 3.1"
    lost = [reference for reference in sorted(set(references(document))) if target(document, reference) is None]
    if lost:
        yield from (f"{path}: {reference} leads nowhere" for reference in lost)
        return
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for word, reference in schema.get("discriminator", {}).get("mapping", {}).items():
            if [*words(document, {"$ref": reference})] != [word] or {"$ref": reference} not in schema["oneOf"]:
                yield f"{path}: {name} maps {word} to {reference}"
    for name, (source, enum) in WORDS.items():
        yield from agreed(name, words(document, schemas[name]), set(variants(source, enum)) - HIDDEN)
    kinds = re.findall(r'"([a-z_]+\.[a-z_]+)" =>', read("src/api/wires/schemas.rs") + read("src/api/wires/unoffered.rs"))
    yield from agreed("ChatKitRequest", words(document, schemas["ChatKitRequest"]), kinds)
    codes = re.findall(r'StatusCode::(\w+), "(\w+)"', read("src/api/error.rs") + read("src/api/reload.rs"))
    codes = [f"{HTTPStatus[STATUSES.get(status, status)].value} {code}" for status, code in codes]
    yield from agreed("refusals", refusals(document), codes)
    routes = re.findall(r'\.route\("(.+?)", (\w+)\(', read("src/api/router.rs"))
    yield from agreed("addresses", [(path, method) for path, method, _ in operations(document)], routes)


def compose(path, variables):
    text = read(path)
    document = yaml.safe_load(text)
    for name, service in document["services"].items():
        if "healthcheck" not in service:
            yield f"{path}: {name} has no health check"
        if "build" not in service and not PINNED.fullmatch(service["image"]):
            yield f"{path}: {name} needs the digest of its image"
        for port in service.get("ports", []):
            if not port.startswith("127.0.0.1:"):
                yield f"{path}: {name} is published beyond this machine: {port}"
    used = set(re.findall(r"\$\{([A-Z_]+)", text)) | set(re.findall(r"^ +([A-Z_]+):$", text, re.M))
    for name in sorted(used - variables):
        yield f"{path}: {name} is not in .env.example"
    for name in sorted(variables - OF_THE_MACHINE):
        owner = OWNERS.get(name, "orchestrator")
        if name not in document["services"][owner]["environment"]:
            yield f"{path}: {owner} is not handed {name} of .env.example"


def image(path):
    """Nobody who gets into the image finds a shell there, so it must need none."""
    instructions = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", read(path), flags=re.M)).splitlines()
    bases = [line.split()[1] for line in instructions if line.startswith("FROM ")]
    yield from (f"{path}: {base} needs its digest" for base in bases if not PINNED.fullmatch(base))
    last = max(place for place, line in enumerate(instructions) if line.startswith("FROM "))
    base, stage = instructions[last].split()[1], instructions[last + 1 :]
    if not WITHOUT_SHELL.fullmatch(base):
        yield f"{path}: the image is made from {base}, which may contain a shell"
    for line in stage:
        if line.startswith("RUN "):
            yield f"{path}: the last stage runs a command, which needs a shell"
        if re.match(r"(ENTRYPOINT|CMD|HEALTHCHECK .*CMD) +[^\[ ]", line):
            yield f"{path}: this needs a shell: {line}"
    if not re.search(r"^USER [1-9]\d*:[1-9]\d*$", "\n".join(stage), re.M):
        yield f"{path}: the last stage sets no user by number, other than root"


def specifications(folder):
    """The tests and the source files that the specifications name must exist, and the decisions that the code names."""
    sources = [*Path("src").rglob("*.rs"), *Path("tests").rglob("*.rs")]
    code = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    tests = {*re.findall(r"\bfn (\w+)", code), *re.findall(r"^    (\w+),$", code, re.M)}
    for path in sorted(Path(folder).rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        for test in sorted(set(re.findall(r"`(?:\w+::)+([a-z0-9]+(?:_[a-z0-9]+){3,})`", text))):
            if test not in tests:
                yield f"{path}: there is no test {test}"
        for name in sorted(set(re.findall(r"`((?:[\w.]+/)+\w+\.(?:rs|py|mjs))`", text))):
            if not any(Path(root, name).exists() for root in ("", "src", "src/base", "src/chat", "tests")):
                yield f"{path}: there is no file {name}"
    decisions = {int(path.name[:4]) for path in Path(folder, "adr").glob("*.md")}
    for source in sources:
        for number in sorted(set(re.findall(r"ADR (\d+)", source.read_text(encoding="utf-8")))):
            if int(number) not in decisions:
                yield f"{source}: there is no ADR {number}"


def main():
    example = read(".env.example")
    variables = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.M))
    faults = [
        *contract("specs/contracts/openapi.yaml"),
        *compose("docker-compose.yml", variables),
        *image("Dockerfile"),
        *specifications("specs"),
    ]
    load(".github/workflows/ci.yml")
    print(*faults or ["code, contracts, specifications, compose file and variables agree"], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
