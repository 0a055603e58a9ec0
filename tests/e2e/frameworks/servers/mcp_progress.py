"""An MCP server over stdio whose one tool reports its progress."""

try:
    from mcp.server.mcpserver import Context, MCPServer  # mcp 2
except ImportError:
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as MCPServer  # mcp 1

server = MCPServer("progress", log_level="CRITICAL")


@server.tool()
async def slow(text: str, context: Context) -> str:
    """Report twice, then answer."""
    await context.report_progress(1, 2)
    await context.report_progress(2, 2)
    return f"done with {text}"


if __name__ == "__main__":
    server.run()
