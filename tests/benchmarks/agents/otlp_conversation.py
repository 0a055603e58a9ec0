"""One model call with a conversation of N messages, or M calls of large ones, under the instrumentation that is named.

    python otlp_conversation.py NAME MODEL_SERVER COLLECTOR MESSAGES CALLS CHARACTERS

NAME is none (for `fr record`), otel (opentelemetry-instrumentation-openai-v2), openinference or openllmetry. The SDK's settings are its
defaults, but for content, which each is told to capture.
"""

import importlib
import os
import sys

name, server, collector, messages, calls, characters = sys.argv[1:]
MODULES = {
    "otel": ("opentelemetry.instrumentation.openai_v2", "OpenAIInstrumentor"),
    "openinference": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "openllmetry": ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
}
provider = None
if name != "none":
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(f"{collector}/v1/traces")))
    module, instrumentor = MODULES[name]
    getattr(importlib.import_module(module), instrumentor)().instrument(tracer_provider=provider)

import openai  # noqa: E402 - after the instrumentation, as its documentation has it

client = openai.OpenAI(base_url=f"{server}/v1", api_key="none", max_retries=0)
for call in range(int(calls)):
    sent = [{"role": "system", "content": "message-0-of-all Be brief."}]
    for number in range(1, int(messages)):
        text = f"message-{number}-of-{call} " + "word " * (int(characters) // 5)
        sent.append({"role": "assistant" if number % 2 == 0 else "user", "content": text})
    client.chat.completions.create(model="gpt-4o-mini", messages=sent, temperature=0.2, max_tokens=50, seed=7)
if provider is not None:
    provider.force_flush()
    provider.shutdown()
