"""The seams: where in each client library the bytes are seen. One module per library, none imported before it is needed.

``SEAMS`` is the table; ``install_seams`` arms it; ``fr doctor`` prints it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from ..import_hooks import after_import

__all__ = ["SEAMS", "Seam", "SeamMissing", "install_seams", "seams_seen"]


class Seam(NamedTuple):
    """One seam.

    Attributes:
        module: the module whose import arms it.
        installer: ``module:function`` in this package; gets the imported module, raises SeamMissing.
        hook: the attribute that is wrapped, for ``fr doctor``.
        carries: what it sees.
    """

    module: str
    installer: str
    hook: str
    carries: str


class SeamMissing(Exception):
    """The library is there, but not of a shape that can be recorded; the message says what is missing."""


SEAMS = (
    Seam("httpx", "httpx_like:install", "Client._transport_for_url", "HTTP: litellm, older SDKs"),
    Seam("httpx2", "httpx_like:install", "Client._transport_for_url", "HTTP: openai, anthropic, google-genai, mistralai, mcp"),
    Seam("urllib3.connectionpool", "urllib3_pool:install", "HTTPConnectionPool._make_request", "HTTP: requests, botocore, huggingface_hub"),
    Seam("urllib.request", "urllib_request:install", "AbstractHTTPHandler.do_open", "HTTP: the standard library"),
    Seam("subprocess", "subprocess_popen:install", "Popen._execute_child", "child processes: subprocess, os.popen"),
    Seam("asyncio.base_events", "asyncio_subprocess:install", "BaseEventLoop.subprocess_exec", "child processes: asyncio, anyio"),
    Seam("asyncio.unix_events", "asyncio_subprocess:install_watcher", "ThreadedChildWatcher", "upkeep of asyncio's child processes"),
    Seam("aiohttp.connector", "aiohttp_connector:install", "BaseConnector.connect", "HTTP: aiohttp, google-genai with its aiohttp extra"),
    Seam("mcp.client.stdio", "mcp_session:install_stdio", "stdio_client", "MCP servers over stdio"),
    Seam("mcp.client.streamable_http", "mcp_session:install_streamable_http", "streamable_http_client", "MCP servers over HTTP"),
    Seam("mcp.client.sse", "mcp_session:install_sse", "sse_client", "MCP servers over the older HTTP transport"),
    Seam("mcp.shared.jsonrpc_dispatcher", "mcp_session:install_dispatcher", "JSONRPCDispatcher.send_raw_request", "MCP requests, mcp 2"),
    Seam("mcp.shared.session", "mcp_session:install_session", "BaseSession.send_request", "MCP requests, mcp 1"),
    Seam("mcp.client.session", "mcp_messages:install", "ClientSession", "what MCP servers send by themselves"),
    Seam("grpc._channel", "grpc_calls:install", "_UnaryUnaryMultiCallable", "gRPC: not recorded, stopped in replay"),
    Seam("grpc.aio._channel", "grpc_calls:install_aio", "Channel.__init__", "gRPC: not recorded, stopped in replay"),
    Seam("langchain_core.tools.base", "tools_frameworks:install", "BaseTool.run, arun", "tools of langchain and langgraph"),
    Seam("agents.tool", "tools_frameworks:install", "invoke_function_tool", "tools of openai-agents"),
    Seam("pydantic_ai.toolsets.function", "tools_frameworks:install", "FunctionToolset.call_tool", "tools of pydantic-ai"),
    Seam("smolagents.tools", "tools_frameworks:install", "Tool.__call__", "tools of smolagents"),
    Seam("crewai.tools.base_tool", "tools_frameworks:install", "BaseTool.run, arun", "tools of crewai"),
    Seam("autogen_core.tools._function_tool", "tools_frameworks:install", "FunctionTool.run", "tools of autogen"),
)

_seen: dict[str, str] = {}
_armed: set[Seam] = set()


def install_seams() -> None:
    """Arm every seam of the table, once; each is patched when, and only if, its library is imported."""
    for seam in SEAMS:
        if seam not in _armed:
            _armed.add(seam)
            after_import(seam.module, _installer(seam))


def seams_seen() -> dict[str, str]:
    """The libraries that were imported in this process, with ``hooked <version>`` or the reason why not."""
    return dict(_seen)


def _installer(seam: Seam) -> Callable[[ModuleType], None]:
    def install(module: ModuleType) -> None:
        import importlib
        import sys

        where, _, function = seam.installer.partition(":")
        top = sys.modules.get(seam.module.partition(".")[0], module)
        version = str(getattr(top, "__version__", "?"))
        try:
            getattr(importlib.import_module(f"{__name__}.{where}"), function)(module)
        except SeamMissing as missing:
            _seen[seam.module] = f"not hooked {version}: {missing}"
            raise
        _seen[seam.module] = f"hooked {version}"

    return install


def require(module: object, *paths: str) -> None:
    """Raise SeamMissing unless the module has all these attributes (dotted paths)."""
    for path in paths:
        found = module
        for part in path.split("."):
            found = getattr(found, part, None)
            if found is None:
                raise SeamMissing(f"it has no {path}")
