"""What goes into a request beside the conversation: ``prompt``, ``context``, ``config``, ``flags``.

Each call raises nothing of ours. Without a running recorder, and so in replay, it records nothing; ``prompt`` renders all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .facts import fact_call, put_fact
from .values import Packed

__all__ = ["config", "context", "flags", "prompt"]


def prompt(
    template: Any, /, name: str | None = None, version: Any = None, *, variables: Mapping[str, Any] | None = None, **more: Any
) -> str:
    """Render a template, and record template, version and variables::

        system = fr.prompt(TEMPLATE, "support", version=4, shop="Lumen", rules=rules)

    Requests that hold the text, as it is and in whichever message, have the template's name and version in ``prompt_templates``.

    Args:
        template: text for ``str.format``, or an object with ``render`` (Jinja) or ``substitute`` (``string.Template``).
        name, version: of the template, from wherever prompts are kept.
        variables, more: what is filled in. Variables called ``name``, ``version`` or ``variables`` go into ``variables``.

    Returns:
        the text. Raises what the template raises, such as KeyError for a variable that was not given.
    """
    given = {**(variables or {}), **more}
    text = _rendered(template, given)
    _record_prompt(template, name, version, given, text)
    return text


@fact_call
def _record_prompt(template: Any, name: str | None, version: Any, given: dict[str, Any], text: str) -> None:
    source = template if isinstance(template, str) else getattr(template, "template", None)
    put_fact(
        "prompt",
        name,
        facts={"fact_value": None if version is None else str(version)},
        content={"before_blob": source if isinstance(source, str) else None, "after_blob": text, "fact_blob": given or None},
        text=text,
    )


def _rendered(template: Any, variables: dict[str, Any]) -> str:
    if isinstance(template, str):
        return template.format(**variables)
    for method in ("render", "substitute"):
        make = getattr(template, method, None)
        if make is not None:
            return str(make(**variables))
    raise TypeError(f"a template is text, or has a method render or substitute; {type(template).__name__} has none")


@fact_call
def context(
    *,
    policy: str | None = None,
    dropped: Any = None,
    dropped_tokens: int | None = None,
    kept_tokens: int | None = None,
    reason: str | None = None,
    **data: Any,
) -> None:
    """Record what a context policy kept from the model, since no request can tell.

    Args:
        policy: its name, such as ``last-20-turns`` or ``summarise``.
        dropped: the messages, or a number of them.
        dropped_tokens, kept_tokens: counts, where the program has them.
    """
    counted = isinstance(dropped, int) and not isinstance(dropped, bool)
    put_fact(
        "context",
        policy,
        facts={"reason": reason},
        detail={
            "dropped_count": dropped if counted else len(dropped) if isinstance(dropped, list | tuple) else None,
            "dropped_tokens": dropped_tokens,
            "kept_tokens": kept_tokens,
        },
        data=data,
        content={"fact_blob": None if counted else dropped},
    )


@fact_call
def config(name: str, value: Any) -> None:
    """Record a configuration or preferences as they are now: by value, redacted, and by hash.

    It is in force for the calls of the trace that the code is in; told outside of any trace, for all of the process. Their column
    ``config`` has the hash, so that calls under another configuration can be told apart.
    """
    put_fact("config", name, content={"fact_blob": Packed("json", "null") if value is None else value})


@fact_call
def flags(values: Mapping[str, Any]) -> None:
    """Record feature flags that are in force: for the trace that the code is in, or, outside of any, for all of the process.

    Later calls add to them. Calls have them in the column ``flags``.
    """
    put_fact("flags", facts={"flags": {str(name): _text(value) for name, value in values.items()}})


def _text(value: Any) -> str:
    """True, false and null in small letters, as configuration files have them."""
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
