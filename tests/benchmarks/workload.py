"""What the benchmarks send: chat requests of fresh, seeded text, and a conversation that grows.

Text is words of a fixed vocabulary by Zipf's law and stock phrases, with names, numbers, dates, quotes and line breaks between them,
because escapes and digits are what JSON encoders and redaction rules spend time on. It is made to compress as real conversations of an
agent do: zstd level 1 shrinks a message of 1,500 characters 2.0 times and 30 KB 3.2 times, gzip 150 KB 3.9 times; for the users', agent's
and tools' texts of tau-bench's airline runs these are 2.0, 3.2 and 4.3. Uniformly random words would give 1.7, 2.4 and 2.7.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["Request", "answer_text", "calls_marked", "chat_request", "growing_conversation", "text"]

Request = dict[str, Any]
"""A chat completion request as the body says it."""

MODEL = "gpt-4o"
ROLES = ("user", "assistant")

_WORDS = """
a about account after again agent all allowance also amount an and answer any are arrival as ask at available bag baggage balance be before
between book booking both business but by cabin call can cancel card cause certificate change charge check choose city class close code
come compensation complete confirm connection contact cost could credit customer date day delay departure detail did different direct do
does each early economy else email end enough error every exact except fare fee file find first flight for form found four free friend
from full further gate get gift give go good group had has have he help her here him his hold home hotel hour how however if in inform
instead insurance into is issue it item its job just keep kind know large last late leave left less let like limit line list little
local long look made mail make many may me mean member message method minute miss mobile month more most move much must my name need
never new next night no non not note now number of off offer office old on once one only open option or order original other our out
over page part pass passenger past pay payment people per person phone place plan please point policy possible present price problem
process profile purchase put question quite rate read reason receive record reference refund regular remain remove reply request
require reservation rest result return review right route rule same save say seat second see send service several she should show side
since single site so some soon sort source space stand start state status stay step still stop such support sure system table take team
tell ten than thank that the their them then there these they thing this three through ticket time to today together too total travel
trip try two type under until update upgrade us use user value very view visit voucher wait want was way we week well were what when where
whether which while who why will window with within without word work would write year yes yet you your zone
"""
_VOCABULARY = random.Random("ranks").sample(sorted(set(_WORDS.split())), len(set(_WORDS.split())))
"""By rank: the most frequent word first."""

_WEIGHTS = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(_VOCABULARY))))
_PHRASES = (
    *("I would like to", "could you please", "your reservation has been", "please let me know if", "I am sorry for the"),
    *("the total price is", "according to the policy", "is not possible because", "thank you for your patience", "I can confirm that"),
    *("would you like to proceed with", "the credit card that ends in", "has been refunded to the original payment method"),
    *("let me check the details of", "in the next five to seven days", "to the flight on", "departure and arrival times are"),
    *(
        "before the end of the day",
        "if there is anything else that",
        "as a certificate for your next trip",
        "you can find the record under number",
    ),
)
_PHRASE_SHARE = 0.14
_NAMES = ("Mia Li", "Sofia Kim", "Noah Müller", "Raj Sanchez", "Aarav Ahmed", "Ivan Smith", "Yara Rossi", "Lucas Brown", "Emma Garcia")
_PLACES = ("Paris", "Oslo", "Denver", "San Francisco", "Kyōto", "São Paulo", "Boston", "Seattle", "New York")
_LARGEST_NUMBER = 9_999
_ASKED = re.compile(rb"ask-(\d{6})")
_ANSWERED = re.compile(rb"answer-(\d{6})")


def text(source: random.Random, characters: int) -> str:
    """Sentences of random words, exactly ``characters`` long."""
    pieces: list[str] = []
    length = 0
    while length < characters:
        sentence = _sentence(source)
        pieces.append(sentence)
        length += len(sentence)
    return "".join(pieces)[:characters]


def _sentence(source: random.Random) -> str:
    words = [
        source.choice(_PHRASES) if source.random() < _PHRASE_SHARE else source.choices(_VOCABULARY, cum_weights=_WEIGHTS)[0]
        for _ in range(source.randint(3, 14))
    ]
    words[0] = words[0][:1].upper() + words[0][1:]
    spot, number = source.randrange(len(words)), source.randint(2, _LARGEST_NUMBER)
    word = words[spot]
    plain = (word, f"{word},", f'"{word}"', f"{word}:\n-", source.choice(_NAMES), source.choice(_PLACES))
    words[spot] = source.choice((*plain, f"{number}", f"{number}.50 USD", f"2024-05-{number % 28 + 1:02d}", f"HAT{number % 300:03d}"))
    return " ".join(words) + source.choice((". ", ". ", ". ", "? ", ".\n", ".\n\n"))


def chat_request(seed: str, number: int, *, messages: int = 20, characters: int = 30_000) -> Request:
    """Request ``number``: text that no other request has, marked ``ask-<number>`` in its last message.

    Args:
        messages: how many; the first is the system prompt.
        characters: of text, over all messages.
    """
    source = random.Random(f"{seed}:{number}")
    each = characters // messages
    said = [{"role": ROLES[position % 2 == 0], "content": text(source, each)} for position in range(messages)]
    said[0]["role"] = "system"
    said[-1] = {"role": "user", "content": _marked(number, said[-1]["content"])}
    return {"model": MODEL, "messages": said, "temperature": 0.2, "max_completion_tokens": 500}


def growing_conversation(seed: str, turns: int, *, messages_per_turn: int = 1, characters: int = 1_500) -> list[Request]:
    """The requests of one conversation: turn k resends all that went before, and adds ``messages_per_turn`` messages.

    Args:
        characters: of each message. Each turn's last message is marked ``ask-<turn>``.
    """
    source = random.Random(seed)
    said: list[dict[str, str]] = []
    requests = []
    for turn in range(turns):
        said += [{"role": ROLES[(turn + k) % 2], "content": text(source, characters)} for k in range(messages_per_turn)]
        said[-1]["content"] = _marked(turn, said[-1]["content"])
        requests.append({"model": MODEL, "messages": list(said), "temperature": 0.2, "max_completion_tokens": 500})
    return requests


def _marked(number: int, content: str) -> str:
    mark = f"ask-{number:06d} "
    return (mark + content)[: len(content)]


def answer_text(number: int, nonce: str, characters: int) -> str:
    """What the stand-in model says to request ``number``: its mark, a nonce, and random words, about ``characters`` long."""
    start = f"answer-{number:06d} {nonce} "
    return start + text(random.Random(nonce), max(0, characters - len(start)))


def calls_marked(pieces: Iterable[bytes]) -> int:
    """How many calls are on record in these bytes: those of which both the question's and the answer's mark are there."""
    asked: set[bytes] = set()
    answered: set[bytes] = set()
    for piece in pieces:
        asked.update(_ASKED.findall(piece))
        answered.update(_ANSWERED.findall(piece))
    return len(asked & answered)
