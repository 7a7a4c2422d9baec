"""One scenario of the official conformance suite with the program as the client.

The suite starts this with the address of its own server. The program connects to it in the revision that the
scenario is about, and the model makes the calls that the scenario names, or calls each tool once. Its person answers what
servers ask with the first option, and leaves the rest to the server's defaults. Whenever the
program advises a login, its operator does that.
"""

import json
import os
import sys

from running import arguments, calls, running

# A document that the suite knows; issuers that take no documents are registered at.
CLIENT = "https://conformance-test.local/client-metadata.json"
# An operator gives up after so many.
LOGINS = 2


def main(url):
    revision = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "auto")
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    client = {name: context[name] for name in ("client_id", "client_secret") if name in context}
    server = {"url": url, "protocol": revision, "oauth": client or {"client_id": CLIENT}}
    with running({"suite": server}, APPROVALS="never") as program:
        for _ in range(LOGINS):
            program.settle("suite")
            program.say("Hello.")
            if program.follow_advice("suite"):
                # A turn sees the tools that were there when it began.
                program.say("Hello.")
            call_all(program, context.get("toolCalls", []))
            if not program.health("suite").get("advice"):
                break


def call_all(program, wanted):
    named = [(each["name"], each["arguments"]) for each in wanted]
    every = [(name, arguments(schema)) for name, schema in program.tools().items()]
    # Each in a conversation of its own: a change behind a call whose server asks is not made before it.
    for each in named or every:
        print(json.dumps(program.converse(calls([each]))))


main(sys.argv[1])
