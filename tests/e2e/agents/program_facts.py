"""Everything that only the program can tell, told between, inside and beside its calls: in threads, tasks and traces."""

import asyncio
import os
import threading

import httpx

import fr_recorder as fr

BASE = os.environ["FR_TEST_UPSTREAM"] + "/v1/chat/completions"
TEMPLATE = "You are the agent of {shop}. Be {how}, and never guess."


def body(*messages: str) -> dict[str, object]:
    """A request."""
    return {"model": "gpt-x", "messages": [{"role": "user", "content": text} for text in messages]}


def said(answer: httpx.Response) -> str:
    """What came back."""
    return str(answer.json()["choices"][0]["message"]["content"])[:40]


def serve(name: str) -> None:
    """One thread's work, in a part of the trace."""
    with fr.trace(name, session=name, agent="desk"), httpx.Client() as client:
        fr.flags({"thread": name})
        system = fr.prompt(TEMPLATE, "support", 4, shop=name, how="brief")
        fr.retrieval("refunds", [{"id": f"doc-{name}", "text": f"Refunds at {name} take fourteen days.", "score": 0.5}], index="faq")
        print(name, said(client.post(BASE, json=body(system, f"Refunds at {name} take fourteen days."))))
        fr.compensated("json_repair", before="{", after="{}")
        fr.review("approved", by="ann", tool="refund", seconds=1.5)


async def ask(client: httpx.AsyncClient, number: int) -> str:
    """One task's work."""
    with fr.fallback(primary="gpt-y", reason="429"):
        fr.guardrail("pii", "allowed", stage="input")
        text = said(await client.post(BASE, json=body(f"task {number}")))
    fr.score("length", len(text))
    return text


async def ask_at_once() -> list[str]:
    """Three tasks."""
    async with httpx.AsyncClient() as client:
        return await asyncio.gather(*(ask(client, number) for number in range(3)))


fr.config("retriever", {"k": 3})
fr.control("refunds", True, by="op")
workers = [threading.Thread(target=serve, args=(name,)) for name in ("north", "south")]
for worker in workers:
    worker.start()
    worker.join()
print(asyncio.run(ask_at_once()))
fr.handoff("human", reason="angry", content={"order": "o-1"})
fr.memory("write", "mood", "angry", store="prefs")
fr.context(policy="last-2", dropped=["old"], dropped_tokens=5)
fr.decision("done", traceparent=fr.traceparent() is None)
