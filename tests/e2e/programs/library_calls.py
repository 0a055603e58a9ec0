"""Every public call of the library once, printing what the program gets of it; run with and without ``fr.init()``."""

import os
import sys
import threading
from typing import Any

import fr_recorder as fr


def model(messages: list[Any], *, temperature: float) -> dict[str, Any]:
    """A hand-made client that no seam sees."""
    return {"text": f"answer to {messages[-1]['content']} at {temperature}", "version": "m-large-0301"}


def use_llm_call() -> None:
    """A call that runs a client, one that only says what was answered, and one that fails."""
    messages = [{"role": "user", "content": "first"}]
    with fr.llm_call(provider="acme", model="m-large", system="Be kind.", messages=messages, temperature=0.25) as call:
        reply = call.run(model, messages, temperature=0.25)
        call.respond(
            reply["text"], model=reply["version"], finish_reason="stop", usage={"input_tokens": 12, "output_tokens": 7}, response_id="r-1"
        )
    print(reply)
    with fr.llm_call(model="m-small", messages=[{"role": "user", "content": "second"}]) as call:
        call.respond("said by hand")
    try:
        with fr.llm_call(model="m-small", messages=[{"role": "user", "content": "third"}]) as call:
            call.run(model)
    except TypeError as error:
        print("raised", error)


def use_everything() -> None:
    """Traces in both forms, decisions with odd values, tools."""
    with fr.trace("outer", session="s-1", user="ann", tags=["a", "b"], tenant="t-1", agent="desk", agent_version="7") as outer:
        fr.decision("escalate", score=0.75, reasons=["late", "angry ☂"], raw=b"\xff\x00", when=object)
        use_llm_call()
        with fr.trace("apart", new=True) as apart:
            fr.decision("in a trace of its own")
    fr.decision("outside of any trace")
    same = outer.id == apart.id if outer.id else None
    print("ids", type(outer.id).__name__, same)
    try:
        with fr.trace("failing"):
            raise LookupError("nothing found")
    except LookupError as error:
        print("raised", error)
    try:
        fr.tool(side_effect="dangerous")
    except ValueError as error:
        print("raised", error)


def main() -> None:
    """Use the library."""
    if "init" in sys.argv:
        print("init", fr.init(), fr.init(), fr.init(os.devnull + "/elsewhere"), file=sys.stderr)
    use_everything()
    fr.flush()
    fr.flush()
    print("threads", threading.active_count(), len(os.listdir("/proc/self/task")) if "init" not in sys.argv else 1)
    heavy = [name for name in ("re2", "zstandard", "xxhash", "pyarrow", "duckdb", "typer") if name in sys.modules]
    print("heavy", heavy if "init" not in sys.argv else [])


if __name__ == "__main__":
    main()
