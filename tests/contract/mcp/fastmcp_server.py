"""A server of the PyPI package fastmcp: on stdio, or at the port of its argument."""

import base64
import sys

from fastmcp import FastMCP
from fastmcp.utilities.types import Image

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

server = FastMCP("others")


@server.tool
def add(a: int, b: int) -> int:
    return a + b


@server.tool
def draw() -> Image:
    return Image(data=base64.b64decode(PIXEL), format="png")


@server.tool
def fail() -> str:
    raise ValueError("there is no paper")


if len(sys.argv) > 1:
    server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), show_banner=False)
else:
    server.run(show_banner=False)
