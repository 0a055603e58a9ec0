"""The columns of the two tables, as data: names, types and meaning. Everything else is derived from here.

The Arrow schemas, ``schema/FORMAT.md``, ``fr query --schema`` and the row builder read these tables, so a
column cannot exist without a description. A column is never reused or retyped: a change of meaning is a new
column and a new format version.

Types are written in a small language of our own, so that the capture path needs no pyarrow to know them:

========== =====================================================================
``id16``   16 bytes, shown as 32 hex (trace and record ids)
``id8``    8 bytes, shown as 16 hex (span ids)
``sha``    32 bytes, shown as 64 hex (hashes and blob ids)
``ts``     microseconds since 1970, UTC
``json``   text holding one JSON value
``text``   text; ``term`` is text from a small vocabulary
``list:X`` a list of X
========== =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BLOB_COLUMNS", "EVENT_COLUMNS", "EXPIRED", "KINDS", "Column"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: as in the Parquet file and in the views.
        type: in the small language above.
        required: True when no row may leave it NULL.
        doc: what it holds, with the unit; why it may be NULL.
    """

    name: str
    type: str
    required: bool
    doc: str


KINDS = {
    "run": "a command under `fr record`: argv, environment, code version, output, exit",
    "process": "one Python process of a run, or one that called `fr.init()`",
    "span": "a named stretch opened by `fr.trace()` inside a trace, or the trace itself",
    "llm_call": "what the agent asked of a model, with all SDK retries inside",
    "llm_attempt": "one HTTP exchange of such a call",
    "http_call": "one HTTP exchange that is not a model call: a tool's, or telemetry",
    "tool_call": "one call of a tool, as the program made it",
    "tool_seen": "one call of a tool, as the conversation shows it: what the model asked for, and the result it was given",
    "decision": "a choice that the program itself recorded with `fr.decision()`",
    "env_read": "what the program read from its surroundings: clock values, the order of results",
    "output": "what the program wrote to its standard output, or read from its standard input",
    "gap": "an admission of loss: how many records, and why",
    "retrieval": "what a search gave the program: query, documents with scores, and the index that they came from",
    "memory": "a read or write of what the agent remembers between calls",
    "prompt": "a prompt template with its version and variables, as `fr.prompt()` rendered it",
    "context": "what a context policy kept from the model",
    "config": "a configuration value that the program works with from there on",
    "flags": "feature flags that are in force from there on",
    "guardrail": "what a check of the program's own made of an input, an answer or a tool call",
    "control": "a kill switch, a feature control or a breaker changed its state",
    "handoff": "one agent gave the work to another, or to a person",
    "compensation": "the program made good for an answer that it could not use as it was",
    "fallback": "something else than the first choice served the program",
    "review": "somebody decided about what an agent did, or asked to do",
    "score": "how good something was, by a person, a model or a program; may be written long after",
    "hold": "somebody ordered that a trace must not be expired or erased, or took that back",
    "erasure": "the keys of a scope were destroyed, and with them all content under them",
    "expiry": "what the retention policy took out of the store, and why",
}
"""The values of ``kind``."""


def _columns(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, kind, mark == "●", doc) for name, kind, mark, doc in rows)


_POSITION = (
    ("segment", "text", "○", "the segment that the row was sealed in, `<writer>-<seq>`; NULL in a journal"),
    ("segment_index", "int", "○", "its place in that segment's tree, from 0; NULL in a journal"),
    ("leaf_hash", "bytes", "○", "the first 4 bytes of its leaf's hash in that tree, all 32 where content has expired; NULL in a journal"),
)
"""Where a row's proof is. Set by the sealer, kept by whatever copies the row."""

EXPIRED = "expired"
"""The ``codec`` of a blob whose content is past its time: the row stays, its ``data`` is empty."""

EVENT_COLUMNS = _columns(
    # -- the row itself
    ("schema_version", "int", "●", "format version of the writer"),
    ("record_id", "id16", "●", "unique id of the row, UUIDv7; the key for deduplication"),
    ("kind", "term", "●", "what happened; see KINDS"),
    ("phase", "term", "●", "`end`: complete row. `begin`: the end is not on record (still running, or killed). `point`: has no duration"),
    ("trace_id", "id16", "●", "the run or the served request it belongs to, UUIDv7"),
    ("span_id", "id8", "●", "unique within the trace"),
    ("parent_span_id", "id8", "○", "the span around it; NULL at the root"),
    ("run_id", "id16", "○", "trace id of the `fr record` run around it; NULL outside of one"),
    ("ext_trace_id", "id16", "○", "foreign W3C trace id, when the caller gave one"),
    ("ext_span_id", "id8", "○", "foreign W3C parent span id"),
    ("links", "list:text", "○", "on span rows, other traces: `forked-from:<id>` of a what-if, `reissue-of:<id>` of a re-issue"),
    ("seq", "int", "●", "number within the writer; with writer_id a total order of one process"),
    ("writer_id", "text", "●", "the process life that wrote the row"),
    ("recorded_at", "ts", "●", "when the writer took the record"),
    ("started_at", "ts", "○", "wall clock at the start; NULL on imported rows whose file does not tell it"),
    ("ended_at", "ts", "○", "wall clock at the end; NULL while phase is `begin`"),
    ("duration_ms", "float", "○", "monotonic, from start to end"),
    ("name", "text", "○", "name given to the run, span, decision or process; of facts: what the score, config, control, ... is called"),
    # -- whose it is
    ("session_id", "text", "○", "conversation, from the application"),
    ("task_id", "text", "○", "unit of work for cost questions, from the application"),
    ("user_ref", "text", "○", "keyed pseudonym of the user id given by the application, never the id itself"),
    ("tenant_id", "text", "○", "tenant, from the application"),
    ("agent_name", "text", "○", "from the application"),
    ("agent_version", "text", "○", "from the application"),
    ("tags", "map", "○", "free labels, from the application"),
    ("service", "text", "○", "from FR_SERVICE or OTEL_SERVICE_NAME"),
    ("environment", "text", "○", "from FR_ENVIRONMENT"),
    ("region", "text", "○", "from FR_REGION or the cloud's own variable"),
    ("host", "text", "○", "host name"),
    ("pid", "int", "○", "process id"),
    ("code_version", "text", "○", "git commit of the program's working tree"),
    ("code_dirty", "bool", "○", "True when the tree had uncommitted changes; NULL outside of git"),
    ("code_diff", "text", "○", "on run and process rows: keyed hash of the uncommitted changes; equal hash, equal changes"),
    ("code_location", "text", "○", "file:line in function: the first frame that is not a library's"),
    # -- how it was captured, and what that allows
    ("capture_source", "term", "●", "wire, sdk, framework, otel, openinference or import"),
    ("replay_level", "term", "●", "exact_io, semantic or none"),
    ("replay_missing", "list:text", "○", "what keeps replay_level below exact_io"),
    ("lane", "text", "○", "logical path of the task or thread"),
    ("lane_seq", "int", "○", "number of the boundary crossing within its lane"),
    ("issue_no", "int", "○", "place of the start in the process-wide order of starts and deliveries"),
    ("deliveries", "json", "○", "what reached the program when: the headers, each chunk, the end; see FORMAT.md"),
    ("salvaged", "bool", "●", "True when the row was found behind damage in a journal"),
    ("truncated", "text", "○", "which field a limit cut, and by how much"),
    ("lost_before", "int", "○", "on gap rows: how many records are missing"),
    # -- the outcome
    (
        "status",
        "term",
        "○",
        "ok, error, cancelled, abandoned (the program left before the end of the answer) or open; NULL where the kind has no outcome",
    ),
    ("error_type", "text", "○", "exception class or provider error code"),
    ("error_message", "text", "○", "redacted message"),
    ("error_blob", "sha", "○", "the traceback"),
    ("error_state_blob", "sha", "○", "the exception's arguments and attributes, to raise it again in replay"),
    ("error_state_form", "term", "○", "json, typed or repr: how to read them back"),
    ("exit_code", "int", "○", "on run rows; negative: ended by that signal"),
    # -- the provider and the model
    ("provider", "term", "○", "openai, anthropic, gemini, ...; NULL when the endpoint is not known"),
    ("api_flavor", "term", "○", "shape of the API: openai.chat, openai.responses, anthropic.messages, gemini, ..."),
    ("operation", "term", "○", "chat, embeddings, ..."),
    ("api_version", "text", "○", "version header, query parameter or path"),
    ("server_address", "text", "○", "host and port that were asked"),
    ("transport", "term", "○", "the seam: httpx, httpx2, urllib3, aiohttp, manual"),
    ("sdk_name", "text", "○", "from the user agent or SDK headers; of a tool that a framework called, the framework"),
    ("sdk_version", "text", "○", "from the user agent or SDK headers"),
    ("model_requested", "text", "○", "the name in the request, often an alias"),
    ("model_resolved", "text", "○", "the version that ran, as the provider named it; NULL when it did not"),
    ("model_resolved_source", "term", "○", "body, header, deployment, declared or unknown; never empty on llm_call rows"),
    ("system_fingerprint", "text", "○", "OpenAI chat"),
    ("response_id", "text", "○", "id in the answer"),
    ("provider_request_id", "text", "○", "request id header, for the vendor's support"),
    # -- parameters
    ("params_sent", "json", "○", "the request body without content"),
    ("params_echoed", "json", "○", "effective values that the answer names"),
    ("params_defaulted", "json", "○", "{name: {value, origin}} for what was not sent"),
    ("params_sha256", "sha", "○", "over the canonical params_sent"),
    ("temperature", "float", "○", "as sent"),
    ("top_p", "float", "○", "as sent"),
    ("seed", "int", "○", "as sent"),
    ("max_output_tokens", "int", "○", "as sent, whatever its name there"),
    ("reasoning_level", "text", "○", "as sent"),
    ("service_tier_requested", "text", "○", "as sent"),
    ("service_tier_used", "text", "○", "as answered"),
    ("stream", "bool", "○", "a streamed answer was asked for"),
    ("response_format_sha256", "sha", "○", "over the output schema asked for"),
    # -- the prompt
    ("system_prompt_sha256", "sha", "○", "over the redacted system prompt's text"),
    ("system_prompt_blob", "sha", "○", "the redacted system prompt's text"),
    ("messages_sha256", "sha", "○", "over message_hashes"),
    ("message_hashes", "list:sha", "○", "over each message's canonical JSON, in order"),
    ("message_blobs", "list:sha", "○", "each message as sent, in order"),
    ("tools_sha256", "sha", "○", "over the tool set, sorted by name"),
    ("prefix_sha256", "sha", "○", "over what stands before the conversation: the tools in the order sent, and the system prompt"),
    ("prompt_templates", "list:text", "○", "on calls: `name@version` of each fr.prompt() whose text the request holds"),
    ("prompt_spans", "list:text", "○", "on calls: span ids of the prompt rows of those, in the same order"),
    ("retrieved_ids", "list:text", "○", "on calls: ids of the documents of fr.retrieval() whose text the request holds"),
    ("retrieved_spans", "list:text", "○", "on calls: span ids of the retrieval rows of those, in the same order"),
    ("config", "map", "○", "on calls: of each fr.config() in force its name and the first 16 hex digits of its hash"),
    ("flags", "map", "○", "on calls and flags rows: the feature flags of fr.flags() in force"),
    ("tool_names", "list:text", "○", "the tools offered"),
    ("tool_choice", "json", "○", "as sent"),
    ("request_parts", "list:sha", "○", "the redacted request body is these blobs, joined"),
    ("request_bytes", "int", "○", "length of the redacted request body"),
    ("request_headers", "json", "○", "[[name, value], ...], secrets dropped"),
    ("request_method", "term", "○", "HTTP method; on spans: of the request that is served"),
    ("request_url", "text", "○", "redacted URL"),
    ("request_sent", "bool", "○", "True when the seam saw the request leave; NULL where it cannot tell"),
    # -- the answer
    ("response_parts", "list:sha", "○", "the redacted, decoded response body is these blobs, joined"),
    ("response_bytes", "int", "○", "length of that body"),
    ("response_wire_parts", "list:sha", "○", "the body as transferred, when it was compressed and held nothing to redact"),
    ("response_encoding", "text", "○", "content-encoding of the transferred body"),
    ("response_headers", "json", "○", "[[name, value], ...], secrets dropped"),
    (
        "response_end",
        "term",
        "○",
        "how the body ended: eof, cut (by the other side), closed (by the program), abandoned, cancelled or error",
    ),
    ("response_changed", "bool", "○", "redaction changed the body, so its length is not the transferred one"),
    ("http_status", "int", "○", "status code; NULL when no answer came"),
    ("http_version", "text", "○", "as the client library reports it"),
    ("output_blob", "sha", "○", "the answer's text"),
    ("reasoning_blob", "sha", "○", "the answer's visible reasoning"),
    ("output_sha256", "sha", "○", "over the answer's text"),
    ("output_tool_calls", "json", "○", "[{id, name, arguments_blob}, ...] that the model asked for"),
    ("response_shape_sha256", "sha", "○", "over the answer's key paths and types, without content"),
    ("finish_reason", "term", "○", "stop, length, tool_calls, content_filter, refusal, error, other"),
    ("finish_reason_raw", "text", "○", "the provider's own word"),
    ("refusal", "bool", "○", "the model or the provider declined; NULL when it cannot be told"),
    ("safety", "json", "○", "the provider's safety report"),
    # -- tokens and money
    ("usage_raw", "json", "○", "the provider's own usage object"),
    ("tokens_in", "int", "○", "input tokens, cache included"),
    ("tokens_out", "int", "○", "output tokens, reasoning included"),
    ("tokens_cache_read", "int", "○", "input tokens read from the provider's cache"),
    ("tokens_cache_write", "int", "○", "input tokens written to it"),
    ("tokens_reasoning", "int", "○", "output tokens spent on reasoning"),
    ("cost_usd", "float", "○", "NULL when the price or the usage is not known, never 0 for it"),
    ("price_source", "text", "○", "who says so"),
    ("price_version", "text", "○", "version of that price list"),
    # -- time
    ("ttft_ms", "float", "○", "from the start to the first byte of the body"),
    ("provider_ms", "float", "○", "the provider's own figure"),
    ("ratelimit", "json", "○", "rate limit headers"),
    # -- attempts
    ("call_span_id", "id8", "○", "on attempts: the call they belong to"),
    ("attempt_no", "int", "○", "1 for the first attempt"),
    ("attempts", "int", "○", "on calls: how many exchanges it took"),
    ("retry_cause", "text", "○", "why the attempt before this one was not enough: http status or error class"),
    ("backoff_ms", "float", "○", "pause since the attempt before ended"),
    (
        "served_by",
        "term",
        "○",
        "on calls and fallback rows: primary or retry, or as the program said with fr.fallback(): fallback, cache, default or human",
    ),
    ("compensations", "list:text", "○", "on calls: the compensations that followed it, as far as its own segment tells"),
    # -- tools
    ("tool_name", "text", "○", "name of the tool"),
    ("tool_call_id", "text", "○", "the model's id of the call, when it is known"),
    ("tool_kind", "term", "○", "function, mcp, provider or subprocess"),
    ("side_effect", "term", "○", "none, read, write, irreversible or unknown"),
    ("tool_args_blob", "sha", "○", "arguments as typed JSON"),
    ("tool_result_blob", "sha", "○", "result, when it is stored as one blob"),
    ("tool_result_parts", "list:sha", "○", "the result is these blobs, joined"),
    ("tool_result_bytes", "int", "○", "length of the result"),
    ("tool_result_form", "term", "○", "text, bytes, json, typed, iterator, streams or repr: how to read the result back"),
    # -- decisions
    ("decision_label", "text", "○", "what was chosen"),
    ("decision_blob", "sha", "○", "what the choice was made from, as JSON"),
    ("inputs_blob", "sha", "○", "on span rows: the inputs that fr.trace() was given, by name"),
    ("inputs_form", "term", "○", "json, typed or repr: how to read the inputs back"),
    # -- facts that only the program, or somebody after it, can tell
    ("about_span_id", "id8", "○", "on such rows: the call or span that it is about; NULL for the whole trace, or where it cannot be told"),
    ("about_step", "int", "○", "on such rows: the step that it is about, where it was named by number"),
    ("by_ref", "text", "○", "keyed pseudonym of the person who said or decided it, made as user_ref is"),
    ("by_source", "text", "○", "what said or decided it: human, model, program, or a name of it"),
    ("score_value", "float", "○", "a score that is a number; 1 and 0 for true and false"),
    (
        "fact_value",
        "text",
        "○",
        "the word of it: a score's, a verdict, a control's state, a compensation, a prompt's version, an index; see FORMAT.md",
    ),
    ("document_ids", "list:text", "○", "on retrieval rows: the documents, in order; `part:...` or `#...` for one that was given none"),
    ("document_hashes", "list:sha", "○", "over the redacted text of each document that has one, in order"),
    ("document_blobs", "list:sha", "○", "those texts; places of documents without one are in detail"),
    ("config_sha256", "sha", "○", "on config rows: over the canonical JSON of the redacted value"),
    (
        "fact_blob",
        "sha",
        "○",
        "a prompt's variables, a retrieval's query, a config's value, what was dropped, handed over or remembered; as text or JSON",
    ),
    ("before_blob", "sha", "○", "what was there before: a prompt's template, what a guardrail, compensation or memory changed"),
    ("after_blob", "sha", "○", "what stood in its place: the text that a template gave, the changed answer or entry"),
    ("detail", "json", "○", "further facts of the row's kind; see FORMAT.md"),
    # -- served requests
    ("request_route", "text", "○", "on spans of a served request: the route's pattern, as the framework names it"),
    # -- runs and processes
    ("argv", "list:text", "○", "redacted command line"),
    ("cwd", "text", "○", "working directory"),
    ("env", "map", "○", "allow-listed environment"),
    ("container", "json", "○", "on process rows: id, from the kernel, and image, from FR_CONTAINER_IMAGE or OTEL_RESOURCE_ATTRIBUTES"),
    ("interpreter", "json", "○", "executable, version, implementation, platform, flags"),
    ("packages", "map", "○", "installed distributions and versions"),
    ("seeds", "json", "○", "hash seed and seed of the random generators"),
    ("seams", "map", "○", "on process rows: which client libraries were imported, and whether they were hooked"),
    ("code_files", "map", "○", "on process rows: keyed hash of each source file of the program that was loaded"),
    ("input_files", "map", "○", "on process rows: files that the program opened for reading, by path; see FORMAT.md"),
    # -- what was read from outside
    ("nd_source", "term", "○", "on env_read rows: clock:... or order:..., see FORMAT.md; on output rows: stdout or stdin"),
    ("nd_value_parts", "list:sha", "○", "the values: these blobs, joined"),
    ("nd_count", "int", "○", "how many values, or bytes of output"),
    # -- redaction
    ("redaction_policy", "text", "●", "id of the rules, their versions and their engine"),
    ("redaction_key_id", "text", "○", "id of the key that made the tokens; NULL when none was needed"),
    ("redaction_status", "term", "●", "clean, redacted, failed (content left out) or unscanned (binary)"),
    ("redactions", "list:redaction", "○", "what was replaced: path, detector, count"),
    # -- keeping
    ("scope", "text", "○", "whose key the content is under, `tenant` or `tenant/subject`; NULL where nothing is"),
    ("sealed_columns", "bytes", "○", "the columns that hold content, under the scope's key; they themselves are NULL then; see FORMAT.md"),
    ("statement", "json", "○", "on erasure rows: what was done, signed; see FORMAT.md"),
    ("data_class", "term", "○", "from policy"),
    ("retention_class", "text", "○", "from policy"),
    ("sample_rule", "text", "●", "why this row was kept: all, or what of the policy's sampling kept its trace"),
    ("sample_weight", "float", "●", "how many rows it stands for"),
    ("hold_state", "term", "○", "on hold rows: held or released; the latest row of a trace counts"),
    ("reason", "text", "○", "why, in the words of who ordered, decided, scored or did it"),
    *_POSITION,
)

BLOB_COLUMNS = _columns(
    ("blob_id", "sha", "●", "keyed hash of the content, or derived from one"),
    ("kind", "term", "●", "message, system, tool, document, glue, large, response, wire, text, args, result, clock, output, ..."),
    ("scope", "text", "○", "whose key it is under; NULL where it is not encrypted"),
    ("writer_id", "text", "●", "who stored it; the same blob may be stored by several writers"),
    ("first_trace_id", "id16", "○", "the trace it was first stored for"),
    ("recorded_at", "ts", "●", "when it was first stored"),
    ("size", "int", "●", "bytes of content"),
    ("text", "bool", "●", "the content is UTF-8, so decode() will not fail; of an encrypted blob: once it is opened"),
    (
        "codec",
        "term",
        "●",
        "none: Parquet compresses the column; zstd: compressed, then encrypted; expired: the content is past its time and data is empty",
    ),
    ("cipher", "term", "●", "none or aes-256-gcm"),
    ("data", "bytes", "●", "the redacted content; where cipher is aes-256-gcm its envelope, see FORMAT.md"),
    *_POSITION,
)
