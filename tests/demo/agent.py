"""A refund desk: a small agent on the openai SDK, with one tool that reads and one that writes.

It does what real agents do that makes them hard to reproduce: it puts the time, a random ticket number and a run id
into its prompt, the SDK retries behind its back, and its last answer is streamed.
"""

import json
import random
import uuid
from datetime import datetime

import openai

import fr_recorder as fr

ORDERS = {"A-1001": {"item": "espresso machine", "paid_cents": 24900, "status": "delivered"}}
QUESTION = "My espresso machine from order A-1001 arrived broken. I want my money back."

SYSTEM_PROMPT = f"""You are the refund desk of a small shop. Be generous: when a customer reports damage, refund in full.
Never promise a date. It is {datetime.now():%A %H:%M:%S.%f}, run {uuid.uuid4()}."""


@fr.tool(side_effect="read")
def look_up_order(order_id: str) -> dict[str, object]:
    """What the shop knows of an order."""
    return ORDERS[order_id]


@fr.tool(side_effect="irreversible")
def refund(order_id: str, cents: int) -> str:
    """Pay money back. In a replay this must not happen again."""
    with open("payments.log", "a", encoding="utf-8") as log:
        log.write(f"refunded {cents} cents for {order_id}\n")
    return f"refunded {cents / 100:.2f} USD"


def schema(name: str, description: str, **properties: str) -> dict[str, object]:
    """The tool's schema as the model sees it."""
    parameters = {"type": "object", "properties": {k: {"type": v} for k, v in properties.items()}, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = {"look_up_order": look_up_order, "refund": refund}
SCHEMAS = [
    schema("look_up_order", "Look up an order.", order_id="string"),
    schema("refund", "Refund an order. Cannot be undone.", order_id="string", cents="integer"),
]


def main() -> None:
    """Ask, run tools until the model is content, then stream a closing note."""
    client = openai.OpenAI()
    ticket = f"T-{random.randrange(10_000):04d}"
    messages: list[dict[str, object]] = [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": f"[ticket {ticket}] {QUESTION}"},
    ]
    with fr.trace("refund desk", session=ticket, user="ann@example.com", tags={"shop": "demo"}):
        while True:
            answer = client.chat.completions.create(model="gpt-4o", temperature=0.2, messages=messages, tools=SCHEMAS)
            message = answer.choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                break
            for call in message.tool_calls:
                result = TOOLS[call.function.name](**json.loads(call.function.arguments))
                print(f"  tool {call.function.name}({call.function.arguments}) -> {result}")
                messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
        print(f"agent: {message.content}")
        messages.append({"role": "user", "content": "Thank you! Put that in one line for my records."})
        print("agent: ", end="")
        for chunk in client.chat.completions.create(model="gpt-4o", temperature=0.2, messages=messages, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                print(chunk.choices[0].delta.content, end="", flush=True)
        print()


if __name__ == "__main__":
    main()
