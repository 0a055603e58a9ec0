"""The policy id stands for everything that decides what is replaced."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from fr_recorder.redact import DISABLED_BY_DEFAULT, Redactor, fields
from fr_recorder.redact.engine import Engine
from fr_recorder.redact.policy import VERSION, policy_id_of
from fr_recorder.redact.rules import RULES
from fr_recorder.redact.specimens import fill

POLICY = "fr2:re2:9e316070"
RESULTS = "62bf9c5a034c0665"


def test_results_change_only_with_the_version() -> None:
    """Golden: what is replaced in the examples of all rules and in a document of all field names.

    When this fails, the same input gives another output: raise ``policy.VERSION`` (or see that the policy id's digest changed), and
    write the new values here.
    """
    redactor = Redactor(bytes(range(32)), "k1")
    outputs = [redactor.text(fill(template), "t")[0] for rule in RULES for template in (*rule.examples, *rule.near_misses)]
    outputs += [redactor.headers([(name, "value")])[0][0][1] for name in ("Authorization", "Cookie", "X-Api-Key", "Accept", "X-Signature")]
    document = {name: f"{name} {fill('<alnum:24>')}" for name in (*fields.FIELDS_BY_NAME, *sorted(fields.PLAIN_FIELDS))}
    outputs.append(json.dumps(redactor.value(document, "v")[0]))
    assert redactor.policy_id == POLICY
    assert hashlib.sha256("\n".join(outputs).encode()).hexdigest()[:16] == RESULTS


def test_policy_id_has_its_shape() -> None:
    """Version, engine, digest."""
    assert re.fullmatch(rf"fr{VERSION}:re2:[0-9a-f]{{8}}", Redactor(bytes(32), "k1").policy_id)


def test_policy_id_does_not_depend_on_the_key() -> None:
    """Two keys under one policy share its id; the key has an id of its own."""
    one, other = Redactor(bytes(32), "k1"), Redactor(bytes(range(32)), "k2")
    assert one.policy_id == other.policy_id
    assert (one.key_id, other.key_id) == ("k1", "k2")


@pytest.mark.parametrize("disabled", [frozenset(), DISABLED_BY_DEFAULT | {"email"}], ids=["all on", "no addresses"])
def test_policy_id_tells_what_is_enabled(disabled: frozenset[str]) -> None:
    """Another selection of kinds is another policy."""
    assert Redactor(bytes(32), "k1", disabled=disabled).policy_id != Redactor(bytes(32), "k1").policy_id


@pytest.mark.parametrize("change", [{"pattern": "x"}, {"check": "luhn"}, {"gate": "x"}, {"phase": 0}, {"tail": "[x]"}, {"kind": "other"}])
def test_policy_id_changes_with_any_rule(change: dict[str, object]) -> None:
    """Whatever decides about a match is part of the digest."""
    rules = Engine(DISABLED_BY_DEFAULT).rules
    changed = (*rules[:3], rules[3]._replace(**change), *rules[4:])  # type: ignore[arg-type]
    assert policy_id_of("re2", changed) != policy_id_of("re2", rules)
    assert policy_id_of("re", rules) != policy_id_of("re2", rules)
