"""Serves requests of the desk, several at a time, in threads and in tasks; prints the answers by the name of the request."""

import asyncio
import json
import threading

import fr_recorder as fr

fr.init(service="desk")

import desk  # noqa: E402 - the recorder stands before the clients are made, as in a server

answers: dict[str, object] = {}


def serve(order: str) -> None:
    answers[order] = desk.handle(order, "where is it?")


threads = [threading.Thread(target=serve, args=(f"o-{number}",)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()


async def together() -> None:
    """Two requests in one loop."""
    answers["tea"], answers["coffee"] = await asyncio.gather(desk.several("tea"), desk.several("coffee"))


asyncio.run(together())
answers["pool"] = desk.pooled("pool")
try:
    desk.failing("o-9")
except LookupError as error:
    answers["failing"] = str(error)
with fr.trace("mailed", inputs={"order": "mail ann.lee@example.com", "question": "why?"}):
    answers["mailed"] = desk.answer("mail ann.lee@example.com", "why?")
print(json.dumps(answers))
