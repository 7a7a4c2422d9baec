"""One scenario of the official conformance suite with the program as the client.

The suite starts this with the address of its own server. The program connects to it in the revision that the
scenario is about, and the model makes the calls that the scenario names, or calls each tool once.
"""

import json
import os
import sys

from running import arguments, calls, running


def main(url):
    revision = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "auto")
    wanted = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}")).get("toolCalls", [])
    with running({"suite": {"url": url, "protocol": revision}}) as program:
        program.say("Hello.")
        named = [(each["name"], each["arguments"]) for each in wanted]
        every = [(name, arguments(schema)) for name, schema in program.tools().items()]
        if these := named or every:
            print(json.dumps(program.say(calls(these))))


main(sys.argv[1])
