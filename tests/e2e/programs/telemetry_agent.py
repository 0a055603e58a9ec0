"""An agent of the OpenTelemetry SDK, with its OTLP/HTTP exporter: no model and no network but the collector's.

    python telemetry_agent.py ENDPOINT TURNS

A conversation of TURNS user messages; each turn is a span of a chat call below one of an agent, with the messages on the span and, as
instrumentations do, in a log record. At the end it says how many spans and log records were sent.
"""

import json
import sys

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

endpoint, turns = sys.argv[1], int(sys.argv[2])
resource = Resource.create({"service.name": "telemetry-agent"})
spans, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", compression=Compression.Gzip)))
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{endpoint}/v1/logs", compression=Compression.Gzip)))
tracer, logger = spans.get_tracer("agent"), logs.get_logger("agent")
messages = [{"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}]
with tracer.start_as_current_span("handle", attributes={"session.id": "s-1", "user.id": "ann@example.com"}):
    for turn in range(turns):
        messages.append({"role": "user", "parts": [{"type": "text", "content": f"question {turn} " + "é" * 200}]})
        answer = {"role": "assistant", "parts": [{"type": "text", "content": f"answer {turn}"}], "finish_reason": "stop"}
        with tracer.start_as_current_span("chat gpt-4o-mini") as span:
            span.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "gpt-4o-mini",
                    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                    "gen_ai.usage.input_tokens": 100 + turn,
                    "gen_ai.usage.output_tokens": 10,
                }
            )
            content = {"gen_ai.output.messages": json.dumps([answer])}
            if turn % 2:
                span.set_attributes({"gen_ai.input.messages": json.dumps(messages), **content})
            else:
                body = {"gen_ai.input.messages": messages, "gen_ai.output.messages": [answer]}
                logger.emit(LogRecord(event_name="gen_ai.client.inference.operation.details", attributes=body))
        messages.append({name: answer[name] for name in ("role", "parts")})
spans.force_flush()
logs.force_flush()
print(json.dumps({"spans": turns + 1, "logs": (turns + 1) // 2}))
