"""Checks what no compiler reads: the OpenAPI document, the compose file, the list of variables."""

import re
import sys

import yaml


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolves(document, reference):
    node = document
    for part in reference.removeprefix("#/").split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


def contract(path):
    document = load(path)
    if not str(document.get("openapi", "")).startswith("3.1"):
        yield f"{path}: not OpenAPI 3.1"
    for reference in sorted(set(references(document))):
        if not resolves(document, reference):
            yield f"{path}: {reference} leads nowhere"


def compose(path, variables):
    text = open(path, encoding="utf-8").read()
    document = yaml.safe_load(text)
    for name, service in document["services"].items():
        if "healthcheck" not in service:
            yield f"{path}: {name} has no health check"
        for port in service.get("ports", []):
            if not port.startswith("127.0.0.1:"):
                yield f"{path}: {name} is published beyond this machine: {port}"
    used = set(re.findall(r"\$\{([A-Z_]+)", text)) | set(re.findall(r"^ +([A-Z_]+):$", text, re.M))
    for name in sorted(used - variables):
        yield f"{path}: {name} is not in .env.example"


def main():
    example = open(".env.example", encoding="utf-8").read()
    variables = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.M))
    faults = [*contract("specs/contracts/openapi.yaml"), *compose("docker-compose.yml", variables)]
    load(".github/workflows/ci.yml")
    print(*faults or ["contracts, compose file and variables agree"], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
