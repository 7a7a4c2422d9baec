"""A connection between two programs that can be made bad: a proxy for TCP that injects faults on demand."""

import asyncio
import random
import socket
import struct
import threading

# What a link can do. Each applies to the connections there are and to those that come.
FAULTS = ("latency", "jitter", "bandwidth", "slicing", "reset", "timeout", "half-open", "refused")

PIECE = 16 * 1024


class Link:
    """Forwards everything to `target`, as well as its fault lets it. Runs in a thread of its own."""

    def __init__(self, target, seed):
        self.target, self.random, self.fault = target, random.Random(seed), None
        self.pairs, self.loop = set(), asyncio.new_event_loop()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.forward, sock=self.socket))
        try:
            self.loop.run_forever()
        finally:
            server.close()
            for task in (tasks := asyncio.all_tasks(self.loop)):
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def close(self):
        self.loop.call_soon_threadsafe(self.end)
        self.thread.join(10)

    def end(self):
        self.cut_all()
        self.loop.stop()

    def become(self, fault):
        """From now on the link has this fault; None mends it."""
        before, self.fault = self.fault, fault
        if fault in ("reset", "refused") or before in ("timeout", "half-open"):
            # What was swallowed is gone, so those connections are of no more use.
            self.loop.call_soon_threadsafe(self.cut_all)

    def cut_all(self):
        for writer in list(self.pairs):
            cut(writer)

    async def forward(self, reader, writer):
        if self.fault == "refused":
            return cut(writer)
        try:
            there = await asyncio.open_connection(*self.target)
        except OSError:
            return cut(writer)
        self.pairs |= {writer, there[1]}
        try:
            await asyncio.gather(self.pump(reader, there[1], "there"), self.pump(there[0], writer, "back"))
        except (OSError, asyncio.CancelledError):
            cut(writer), cut(there[1])
        finally:
            self.pairs -= {writer, there[1]}
            writer.close(), there[1].close()

    async def pump(self, reader, writer, way):
        while piece := await reader.read(PIECE):
            await self.send(piece, writer, way)
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()

    async def send(self, piece, writer, way):
        fault = self.fault
        if fault == "timeout" or fault == "half-open" and way == "back":
            return
        if fault == "latency":
            await asyncio.sleep(0.2)
        elif fault == "jitter":
            await asyncio.sleep(self.random.uniform(0, 0.4))
        elif fault == "bandwidth":
            await asyncio.sleep(len(piece) / 20_000)
        elif fault == "reset" and self.random.random() < 0.3:
            writer.write(piece[: self.random.randrange(len(piece) + 1)])
            raise ConnectionResetError
        elif fault == "slicing":
            while len(piece) > 1:
                size = self.random.randrange(1, len(piece))
                writer.write(piece[:size])
                await writer.drain()
                piece = piece[size:]
                await asyncio.sleep(0.001)
        writer.write(piece)
        await writer.drain()


def cut(writer):
    """Ends a connection as a network does: with a reset."""
    held = writer.get_extra_info("socket")
    if held is not None and held.fileno() >= 0:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
