"""An airline agent on the openai SDK that plays the user's and the tools' side of recorded tau-bench conversations.

    python tau_bench_agent.py CONVERSATIONS.json RESULTS.json NAME…

Every answer comes from the server. CONVERSATIONS holds what the users say, RESULTS what the tools return; RESULTS is opened by the bodies
of the tools alone, so a run whose tools do not run never reads it. Several names in one process are a trace each.
"""

import inspect
import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import openai

import fr_recorder as fr

BASE_URL = os.environ["FR_TEST_UPSTREAM"] + "/v1"
MODEL = "gpt-4o"
JSON_TYPES = {str: "string", int: "integer", list: "array"}
Message = dict[str, Any]

current_call = ("", 0)
"""The conversation that is played, and the number of the tool call in it whose result is due."""


@cache
def all_results() -> dict[str, list[str]]:
    """The texts that the tools returned, by conversation."""
    results: dict[str, list[str]] = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    return results


def recorded_result() -> str:
    """What the tool returned when the conversation took place."""
    name, number = current_call
    return all_results()[name][number]


@fr.tool(side_effect="write")
def book_reservation(
    user_id: str, origin: str, destination: str, flight_type: str, cabin: str, flights: list[Any], passengers: list[Any],
    payment_methods: list[Any], total_baggages: int, nonfree_baggages: int, insurance: str,
) -> str:  # fmt: skip
    """Book a reservation."""
    return recorded_result()


@fr.tool(side_effect="none")
def calculate(expression: str) -> str:
    """Calculate the result of an expression."""
    return recorded_result()


@fr.tool(side_effect="irreversible")
def cancel_reservation(reservation_id: str) -> str:
    """Cancel the whole reservation."""
    return recorded_result()


@fr.tool(side_effect="read")
def get_reservation_details(reservation_id: str) -> str:
    """Get the details of a reservation."""
    return recorded_result()


@fr.tool(side_effect="read")
def get_user_details(user_id: str) -> str:
    """Get the details of a user, with the reservations."""
    return recorded_result()


@fr.tool(side_effect="read")
def list_all_airports() -> str:
    """List all airports and their cities."""
    return recorded_result()


@fr.tool(side_effect="read")
def search_direct_flight(origin: str, destination: str, date: str) -> str:
    """Search direct flights between two cities on a date."""
    return recorded_result()


@fr.tool(side_effect="read")
def search_onestop_flight(origin: str, destination: str, date: str) -> str:
    """Search flights with one stop between two cities on a date."""
    return recorded_result()


@fr.tool(side_effect="irreversible")
def send_certificate(user_id: str, amount: int) -> str:
    """Send a certificate to a user."""
    return recorded_result()


@fr.tool(side_effect="none")
def think(thought: str) -> str:
    """Think about something; it changes nothing."""
    return recorded_result()


@fr.tool(side_effect="write")
def transfer_to_human_agents(summary: str) -> str:
    """Hand the user over to a human agent, with a summary."""
    return recorded_result()


@fr.tool(side_effect="write")
def update_reservation_baggages(reservation_id: str, total_baggages: int, nonfree_baggages: int, payment_id: str) -> str:
    """Change the baggage of a reservation."""
    return recorded_result()


@fr.tool(side_effect="write")
def update_reservation_flights(reservation_id: str, cabin: str, flights: list[Any], payment_id: str) -> str:
    """Change the flights of a reservation."""
    return recorded_result()


@fr.tool(side_effect="write")
def update_reservation_passengers(reservation_id: str, passengers: list[Any]) -> str:
    """Change the passengers of a reservation."""
    return recorded_result()


TOOLS: tuple[Callable[..., str], ...] = (
    book_reservation, calculate, cancel_reservation, get_reservation_details, get_user_details, list_all_airports, search_direct_flight,
    search_onestop_flight, send_certificate, think, transfer_to_human_agents, update_reservation_baggages, update_reservation_flights,
    update_reservation_passengers,
)  # fmt: skip
BY_NAME = {tool.__name__: tool for tool in TOOLS}


def schema_of(tool: Callable[..., str]) -> Any:
    """What the model is told of a tool."""
    parameters = inspect.signature(tool).parameters
    types = {name: {"type": JSON_TYPES[getattr(p.annotation, "__origin__", p.annotation)]} for name, p in parameters.items()}
    accepted = {"type": "object", "properties": types, "required": list(types)}
    return {"type": "function", "function": {"name": tool.__name__, "description": tool.__doc__, "parameters": accepted}}


SCHEMAS = [schema_of(tool) for tool in TOOLS]


def as_message(answer: Any) -> Message:
    """An answer of the SDK as the message that goes into the next request, with its keys in the order of the trajectories."""
    message: Message = {"content": answer.content, "role": answer.role}
    if answer.tool_calls:
        message["tool_calls"] = [
            {"function": {"arguments": call.function.arguments, "name": call.function.name}, "id": call.id, "type": call.type}
            for call in answer.tool_calls
        ]
    return message


def converse(client: openai.OpenAI, conversation: dict[str, Any]) -> None:
    """Play one conversation to its end and print each answer."""
    global current_call  # the tools take their results by it, as they would from a database
    name = conversation["name"]
    turns = iter(conversation["turns"])
    messages: list[Any] = [{"role": "system", "content": conversation["system"]}, {"role": "user", "content": next(turns)}]
    tool_calls = 0
    for _ in range(conversation["answers"]):
        completion = client.chat.completions.create(
            model=MODEL, temperature=0.0, messages=messages, tools=SCHEMAS, extra_headers={"x-canned-conversation": name}
        )
        message = as_message(completion.choices[0].message)
        print(json.dumps([name, message], ensure_ascii=False))
        messages.append(message)
        for call in message.get("tool_calls", ()):
            function = call["function"]
            current_call = (name, tool_calls)
            tool_calls += 1
            result = BY_NAME[function["name"]](**json.loads(function["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "name": function["name"], "content": result})
        if "tool_calls" not in message:
            messages.append({"role": "user", "content": next(turns)})
    # The last message goes to no model, so this is its only place in the record.
    fr.decision("ended", heard=messages[-1])


def main() -> None:
    """Play the named conversations, one after the other, with one client."""
    conversations = {c["name"]: c for c in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))}
    names = sys.argv[3:]
    with openai.OpenAI(base_url=BASE_URL, api_key="sk-test", max_retries=0) as client:
        for name in names:
            with fr.trace(name, session=name, task=name.rpartition("-trial-")[0], new=True if len(names) > 1 else None):
                converse(client, conversations[name])


if __name__ == "__main__":
    main()
