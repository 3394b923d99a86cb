"""Coroutines in tests, and an agent that speaks MCP to a running app."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


def finished(job: Coroutine):
    """What `job` returns. In a thread: playwright leaves its own loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, job).result()


def with_tools(address: str, use: Callable[[ClientSession], Coroutine]):
    """What `use(session)` returns, with the tools of the app at `address`."""

    async def run():
        async with (
            streamablehttp_client(f"{address.rstrip('/')}/gradio_api/mcp/") as (
                reading,
                writing,
                _,
            ),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await use(session)

    return finished(run())
