"""An MCP client that listens to its server's progress; replay cannot repeat what a server sends by itself, and says so."""

import asyncio
import os
import sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

SERVER = Path(__file__).resolve().parent / "servers" / "mcp_progress.py"


async def report(progress: float, total: float | None, message: str | None) -> None:
    """Print what the server reports."""
    print("progress", progress, total, message)


async def run() -> None:
    """One call; with the argument ``listen`` its progress is printed. The server gets the whole environment, and so is recorded itself."""
    server = StdioServerParameters(command=sys.executable, args=[str(SERVER)], env=dict(os.environ))
    async with stdio_client(server) as (read_stream, write_stream), ClientSession(read_stream, write_stream) as session:
        await session.initialize()
        listener = report if sys.argv[1:] == ["listen"] else None
        result = await session.call_tool("slow", {"text": "this"}, progress_callback=listener)
        print(result.content[0].text)  # type: ignore[union-attr]


if __name__ == "__main__":
    asyncio.run(run())
