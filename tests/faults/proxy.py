"""A bad network for WebSockets: a proxy that drops, delays, doubles and cuts frames in both directions, by a seed.

Run inside an event loop: `async with FaultProxy(port, seed=1) as proxy: ... proxy.url`.
"""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


@dataclass
class FaultProxy:
    """`drop`, `double`, `cut`: the share of frames; every `delayed`th share waits up to `longest_delay_s`."""

    port: int
    seed: int
    drop: float = 0.02
    double: float = 0.02
    cut: float = 0.003
    delayed: float = 0.05
    longest_delay_s: float = 0.05
    counts: Counter[str] = field(default_factory=Counter)
    server: Server | None = None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    async def __aenter__(self) -> "FaultProxy":
        self.server = await serve(self._meet, "127.0.0.1", 0, subprotocols=["kefu"])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/ws/chat/"

    async def _meet(self, browser: ServerConnection) -> None:
        request = browser.request
        assert request is not None
        headers = {name: request.headers[name] for name in ("Cookie",) if name in request.headers}
        self.counts["sockets"] += 1
        url = f"ws://127.0.0.1:{self.port}/ws/chat/"
        origin = request.headers["Origin"]
        async with connect(url, additional_headers=headers, origin=origin, max_size=None, proxy=None) as site:
            ways = [asyncio.create_task(self._carry(browser, site)), asyncio.create_task(self._carry(site, browser))]
            _, open_ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in open_ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            if browser.transport is not None:
                browser.transport.abort()  # as networks end: without a closing handshake

    async def _carry(self, source, target) -> None:  # type: ignore[no-untyped-def]
        with contextlib.suppress(ConnectionClosed):
            async for frame in source:
                self.counts["frames"] += 1
                if self._happens("cut", self.cut):
                    return
                if self._happens("drop", self.drop):
                    continue
                if self._happens("delay", self.delayed):
                    await asyncio.sleep(self.chance.uniform(0, self.longest_delay_s))
                await target.send(frame)
                if self._happens("double", self.double):
                    await target.send(frame)

    def _happens(self, name: str, share: float) -> bool:
        is_so = self.chance.random() < share
        self.counts[name] += is_so
        return is_so
