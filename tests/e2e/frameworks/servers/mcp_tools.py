"""An MCP server with two tools, over stdio or (argument: a port) HTTP. Every answer holds a random nonce; starts are noted in a file."""

import os
import secrets
import sys
from pathlib import Path

try:
    from mcp.server.mcpserver import MCPServer  # mcp 2
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer  # mcp 1

server = MCPServer("tools", log_level="CRITICAL")
NOTES = Path(os.environ.get("FR_TEST_NOTES", "notes-mcp.txt"))


@server.tool()
def weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: -3 ☂ {secrets.token_hex(8)}"


@server.tool()
def note(text: str) -> str:
    """Write a note to a file."""
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return f"noted {text} {secrets.token_hex(8)}"


@server.tool()
def fail(text: str) -> str:
    """Fail."""
    raise ValueError(f"cannot {text} {secrets.token_hex(8)}")


@server.resource("memo://today")
def today() -> str:
    """What today is."""
    return f"a day {secrets.token_hex(8)}"


if __name__ == "__main__":
    with NOTES.with_suffix(".starts").open("a", encoding="utf-8") as file:
        file.write("started\n")
    if len(sys.argv) > 1:
        import uvicorn

        uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
    else:
        server.run()
