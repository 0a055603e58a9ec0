"""The demo's model server. It is scripted: no model is behind it, and it says so in its `server` header.

It speaks OpenAI's chat completions over loopback: a 429 first, then two tool calls, an answer, and a streamed note. Each
answer holds a random reference number, so a replay that prints the same one can only have read it from the record.
"""

import json
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "gpt-4o-2024-08-06"
AS_OPENAI = {"openai-version": "2020-10-01"}
"""A header by which the provider behind a gateway is known; it makes the demo's calls have a price."""


class ScriptedModel(BaseHTTPRequestHandler):
    """One scripted answer per state of the conversation."""

    protocol_version = "HTTP/1.1"
    server_version = "fr-demo-scripted-model"
    disable_nagle_algorithm = True
    refused_once = False

    def do_POST(self) -> None:
        """Answer a chat completion."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not ScriptedModel.refused_once:
            ScriptedModel.refused_once = True
            self._send(429, {"error": {"message": "scripted rate limit", "type": "rate_limit_error"}}, {"retry-after-ms": "150"})
        elif body.get("stream"):
            self._stream(f"Refund of 249.00 USD for A-1001 is on record, reference {secrets.token_hex(4)}.")
        else:
            self._send(200, self._completion(body), {})

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        results = sum(1 for message in body["messages"] if message["role"] == "tool")
        if results == 0:
            message = self._tool_call("look_up_order", {"order_id": "A-1001"})
        elif results == 1:
            message = self._tool_call("refund", {"order_id": "A-1001", "cents": 24900})
        else:
            text = f"I am sorry about the broken machine. I have refunded 249.00 USD in full (reference {secrets.token_hex(4)})."
            message = {"role": "assistant", "content": text}
        size = len(json.dumps(body)) // 4
        return {
            "id": f"chatcmpl-{secrets.token_hex(6)}",
            "object": "chat.completion",
            "created": 1790000000,
            "model": MODEL,
            "system_fingerprint": "fp_demo",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}],
            "usage": {"prompt_tokens": size, "completion_tokens": 30, "total_tokens": size + 30},
        }

    def _tool_call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        call = {"id": f"call_{secrets.token_hex(6)}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    def _send(self, status: int, value: Any, headers: dict[str, str]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, header in {**headers, **AS_OPENAI, "content-type": "application/json", "content-length": str(len(data))}.items():
            self.send_header(name, header)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, text: str) -> None:
        self.send_response(200)
        for name, header in AS_OPENAI.items():
            self.send_header(name, header)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        base = {"id": f"chatcmpl-{secrets.token_hex(6)}", "object": "chat.completion.chunk", "created": 1790000000, "model": MODEL}
        deltas = [{"role": "assistant", "content": ""}, *({"content": word + " "} for word in text.split())]
        events = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        events.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 420, "completion_tokens": len(deltas), "total_tokens": 420 + len(deltas)}
        events.append({**base, "choices": [], "usage": usage})
        for event in [*map(json.dumps, events), "[DONE]"]:
            data = f"data: {event}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the demo's output is the agent's and fr's."""


def main() -> None:
    """Serve on a free port of loopback until ended, and print the port first."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), ScriptedModel)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
