"""An MCP client beside the openai SDK, unmodified; arguments: stdio or http, then async or parallel (it has no sync)."""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from openai import AsyncOpenAI

UPSTREAM = os.environ["FR_TEST_UPSTREAM"]
SERVER = Path(__file__).resolve().parent / "servers" / "mcp_tools.py"


async def connect(stack: AsyncExitStack, transport: str) -> ClientSession:
    """An initialised session."""
    if transport == "stdio":
        server = StdioServerParameters(command=sys.executable, args=[str(SERVER)], env={"FR_TEST_NOTES": os.environ["FR_TEST_NOTES"]})
        streams: Any = await stack.enter_async_context(stdio_client(server))
    else:
        streams = await stack.enter_async_context(streamable_http_client(os.environ["FR_TEST_MCP"]))
    session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
    print("initialized", (await session.initialize()).model_dump(mode="json", exclude_none=True))
    return session


async def call(session: ClientSession, name: str, arguments: dict[str, Any]) -> str:
    """A tool's result as text."""
    result = await session.call_tool(name, arguments)
    print("called", name, arguments, result.model_dump(mode="json", exclude_none=True))
    return " ".join(getattr(block, "text", "") for block in result.content)


async def run(transport: str, mode: str) -> None:
    """Offer the server's tools to the model, call what it asks for, one by one or all at once, and ask again."""
    async with AsyncExitStack() as stack:
        session = await connect(stack, transport)
        listed = (await session.list_tools()).tools
        schemas = [json.loads(t.model_dump_json(by_alias=True))["inputSchema"] for t in listed]
        tools: Any = [
            {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": schema}}
            for t, schema in zip(listed, schemas, strict=True)
        ]
        client = AsyncOpenAI(base_url=f"{UPSTREAM}/v1", api_key="sk-test", max_retries=0)
        script = "four-parallel" if mode == "parallel" else "two-then-one"
        messages: list[Any] = [{"role": "user", "content": f"weather? ☂ [[script:{script}]]"}]
        while True:
            message = (await client.chat.completions.create(model="gpt-x", messages=messages, tools=tools)).choices[0].message
            print("model", message.content, [(c.function.name, c.function.arguments) for c in message.tool_calls or ()])
            if not message.tool_calls:
                break
            messages.append(message.model_dump(exclude_none=True))
            wanted = [(c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls]
            if mode == "parallel":
                results = await asyncio.gather(*(call(session, name, arguments) for name, arguments in wanted))
            else:
                results = [await call(session, name, arguments) for name, arguments in wanted]
            messages += [{"role": "tool", "tool_call_id": c.id, "content": r} for c, r in zip(message.tool_calls, results, strict=True)]
        resource: Any = await session.read_resource("memo://today")
        print("resource", resource.contents[0].text)
        try:
            await session.get_prompt("nosuch")
        except Exception as error:
            print("prompt", type(error).__name__, error)


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1].split("-")))
