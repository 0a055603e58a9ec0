"""OpenTelemetry's protocol in: OTLP requests read, mapped to rows by tables, kept until their trace is whole, and served over HTTP."""
