"""The dictionary that journals are compressed with: what the records of most agents have in common.

A frame holds one or two events, and is compressed by itself so that it can be read by itself; alone, a kilobyte of JSON shrinks little.
The text is part of the format (``schema/FORMAT.md`` prints it): it is never changed. A better one gets the next number.
"""

from __future__ import annotations

__all__ = ["DICTIONARIES", "WRITTEN_WITH"]

_LINES_1 = (
    '{"t":"begin","kind":"tool_call","span":"","trace":"01","at":17,"mono":,"lane":"p0",',
    '"lseq":,"issue":,"parent":"","ctx":{"session":"","tags":{}},',
    '"loc":".py: in <module>","name":"","side":"read","tool_kind":"function","args":[""],"aform":"json","blane":"p0/tool:#0",',
    '"status":"error","form":"typed","result":[""],"err":"","msg":"","estate":[""],"eform":"json","trace_text":[""],',
    '{"t":"reads","trace":"01","at":17,"lanes":{"p0":{"time":[17],"monotonic":[],"perf_counter":[]}},"n":}',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}\n\n',
    'data: {"id":"chatcmpl-","object":"chat.completion.chunk","created":17,',
    '"model":"","service_tier":"default","system_fingerprint":"fp_",',
    '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,',
    '"finish_reason":null}],"usage":null}\n\ndata: [DONE]\n\n',
    '{"id":"msg_","type":"message","role":"assistant","model":"claude-","content":[{"type":"text","text":""}],"stop_reason":"end_turn",',
    '"stop_sequence":null,"usage":{"input_tokens":,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":}}',
    '{"role":"assistant","content":null,"tool_calls":[{"id":"call_","type":"function","function":{"name":"","arguments":"{\\"',
    '{"role":"tool","tool_call_id":"call_","name":"","content":"{\\"{"type":"text","text":"{"type":"tool_result","tool_use_id":"toolu_',
    '["anthropic-version","2023-06-01"],["X-Api-Key","[[fr:api_key:k"],["x-stainless-timeout","600"],["X-Stainless-Lang","python"],',
    '["X-Stainless-Package-Version",""],["X-Stainless-OS","Linux"],["X-Stainless-Arch","x64"],["X-Stainless-Runtime","CPython"],',
    '["X-Stainless-Runtime-Version","3.1"],["X-Stainless-Async","false"],',
    '["x-stainless-retry-count","0"],["x-stainless-read-timeout","600"],',
    '["transfer-encoding","chunked"],["connection","keep-alive"],["openai-organization",""],["openai-processing-ms",""],',
    '["openai-version","2020-10-01"],["x-ratelimit-limit-requests",""],["x-ratelimit-limit-tokens",',
    '""],["x-ratelimit-remaining-requests",""],',
    '["x-ratelimit-remaining-tokens",""],["x-ratelimit-reset-requests",""],',
    '["x-ratelimit-reset-tokens",""],["cf-cache-status","DYNAMIC"],',
    '["set-cookie","__cf_bm=[[fr:cookie:k"],["x-content-type-options","nosniff"],["strict-transport-security","max-age=31536000"],',
    '["CF-RAY",""],["content-encoding","gzip"],["alt-svc","h3=\\":443\\"; ma=86400"],',
    '"enc":"gzip","wire":[""],"base":"","keep":,"new":["","",""],',
    '{"id": "chatcmpl-", "object": "chat.completion", "created": 17, "model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "message": ',
    '{"role": "assistant", "content": "", "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}], "usage": ',
    '{"prompt_tokens": , "completion_tokens": , "total_tokens": }, "service_tier": "default", "system_fingerprint": "fp_',
    '{"role":"system","content":"{"role":"assistant","content":"{"role":"user","content":""}',
    '{"t":"end","span":"","trace":"01","at":17,"dur":,"end":"eof","status":"ok","code":200,"hv":"HTTP/1.1","rheaders":[["server",""],',
    '["date",", 20 GMT"],["content-type","application/json"],["x-request-id","req_"],["content-length",""]],"rbody":[""],"rlen":,',
    '"del":[[1,,0,0],[1,1,,0],[1,1,0,0]],"rstatus":"clean","n":}{"t":"begin",',
    '"kind":"http","span":"","trace":"01","at":17,"mono":,"lane":"p0",',
    '"lseq":,"issue":,"loc":".py: in ","via":"httpx2","method":"POST","url":"https://api.openai.com/v1/chat/completions","headers":',
    '[["Host","api.openai.com"],["Accept","*/*"],["Accept-Encoding","gzip, deflate, br, zstd"],["Connection","keep-alive"],',
    '["User-Agent","python-httpx2/2.1"],["Accept","application/json"],["Authorization",',
    '"Bearer [[fr:access_token:k"],["Content-Length",""],',
    '["Content-Type","application/json"]],"call":"","attempt":1,"call_at":17,"body":["","","",""],"len":,"rstatus":"redacted",',
    '"redactions":[["headers.authorization","access_token",1]],"n":}',
)

DICTIONARIES: dict[int, bytes] = {1: "".join(_LINES_1).encode()}
"""By number, as in bits 8 to 15 of a frame's flags: raw content for zstd, without a header or id of its own."""

WRITTEN_WITH = 1
"""The number that new journals use."""
