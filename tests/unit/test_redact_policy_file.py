"""A policy of one's own: what is refused and how, and what each setting does."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from fr_recorder.keys import keys_of_store
from fr_recorder.policies import keep_policy, kept_policy, policy_in_force, recorded_text, redactor_in_force
from fr_recorder.redact import Redactor
from fr_recorder.redact.policy_file import DEFAULT_POLICY, parse_policy, policy_of_text, read_policy_file
from fr_recorder.store import open_store
from fr_schema.errors import BadInput

KEY = bytes(range(32))
TEXT = "see ACME-123456, mail joe@example.org and joe@ours.example, from 203.0.113.77, card 4111 1111 1111 1111"
RULE = {"kind": "acme_ticket", "pattern": r"ACME-[0-9]{6}\b"}

REFUSED: tuple[tuple[Any, str], ...] = (
    ([], "redaction is not a table"),
    ({"off": []}, "off is not known here"),
    ({"disable": "email"}, "disable is no list of texts"),
    ({"disable": ["emial"]}, "'emial', which is no kind"),
    ({"modes": {"email": "vault"}}, "email = 'vault'"),
    ({"modes": {"nothing": "drop"}}, "'nothing', which is no kind"),
    ({"allow": ["*"]}, "allow holds '*'"),
    ({"allow": ["a*c"]}, "allow holds 'a*c'"),
    ({"rule": [{"kind": "A", "pattern": "abcdef"}]}, "kind = 'A'"),
    ({"rule": [{"kind": "acme"}]}, "has no pattern"),
    ({"rule": [{"kind": "acme", "pattern": "x" * 1001}]}, "has no pattern of 1 to 1000"),
    ({"rule": [{"kind": "acme", "pattern": "(abc"}]}, "missing )"),
    ({"rule": [{"kind": "acme", "pattern": "(a)(b)cdefg"}]}, "has 2 groups"),
    ({"rule": [{"kind": "acme", "pattern": "^acme"}]}, "has ^, $"),
    ({"rule": [{"kind": "acme", "pattern": r"[\S]acme"}]}, "has ^, $"),
    ({"rule": [{"kind": "acme", "pattern": "(?=a)acme"}]}, "looks around"),
    ({"rule": [{"kind": "acme", "pattern": r"(acme)\1"}]}, "looks around"),
    ({"rule": [{"kind": "acme", "pattern": "a*"}]}, "matches nearly everything"),
    ({"rule": [{"kind": "acme", "pattern": "."}]}, "matches nearly everything"),
    ({"rule": [{"kind": "acme", "pattern": "größe"}]}, "beyond ASCII"),
    ({"rule": [{"kind": "acme", "pattern": "abcdef", "check": "luhn"}]}, "check is not known here"),
)


def redacted(table: dict[str, Any], text: str = TEXT) -> str:
    """A text under a policy."""
    return Redactor(KEY, "k1", policy=parse_policy(table, "p.toml")).text(text, "t")[0]


@pytest.mark.parametrize(("table", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_wrong_policy_is_refused_in_one_line(table: Any, words: str) -> None:
    """The line names the file and the value."""
    with pytest.raises(BadInput) as refused:
        parse_policy(table, "p.toml")
    line = refused.value.one_line()
    assert line.startswith("p.toml: ")
    assert words in line
    assert "\n" not in line


def test_own_rule_is_found_and_named_before_others() -> None:
    """Its kind is in the token; what the table finds is found as before."""
    text = redacted({"rule": [RULE]})
    assert re.search(r"see \[\[fr:acme_ticket:k1:[a-z2-7]{16}\]\], mail \[\[fr:email:", text)


def test_disabled_and_enabled_kinds() -> None:
    """What is disabled is not looked for; what is off by default can be turned on."""
    text = redacted({"disable": ["email"], "enable": ["ipv4"]})
    assert "joe@example.org" in text
    assert "203.0.113.77" not in text
    assert "203.0.113.77" in redacted({})


def test_allowed_values_stay() -> None:
    """Exactly those, with * for any characters, whatever their case; and no other value that holds one."""
    text = redacted({"allow": ["*@OURS.example"]}, f"{TEXT} eve@ours.example.evil.org")
    assert "joe@ours.example," in text
    assert "joe@example.org" not in text
    assert "eve@ours" not in text


def test_dropped_values_cannot_be_told_apart() -> None:
    """One token for all values, under any key, and a second pass leaves it."""
    policy = parse_policy({"modes": {"email": "drop"}}, "p.toml")
    texts = {Redactor(os.urandom(32), "k1", policy=policy).text(f"mail {name}@example.org", "t")[0] for name in ("joe", "ann")}
    assert texts == {"mail [[fr:email:dropped:aaaaaaaaaaaaaaaa]]"}
    assert Redactor(KEY, "k1", policy=policy).text(texts.pop(), "t")[1] == []


def test_kept_kind_is_not_taken_by_another_rule() -> None:
    """A kept kind stays in text, under a telling name and in a header; nothing is counted."""
    policy = parse_policy({"modes": {"openai_api_key": "keep", "password": "keep"}}, "p.toml")
    redactor = Redactor(KEY, "k1", policy=policy)
    key = "sk-" + "proj-" + "a1B2c3D4e5" * 5
    assert redactor.text(f"api_key={key}", "t") == (f"api_key={key}", [])
    assert redactor.value({"api_key": key, "password": "hunter2"}, "v")[0] == {"api_key": key, "password": "hunter2"}
    assert redactor.headers([("Authorization", f"Bearer {key}")])[0] == [("Authorization", f"Bearer {key}")]
    assert redactor.body(json.dumps({"a": {"password": "hunter2"}}).encode(), "application/json").status == "clean"


@pytest.mark.parametrize("pattern", [r"id=.{6,20}", r"id=[^;]{6,20}", r"id=\S{6,20}"])
def test_own_rule_does_not_cross_the_border_of_a_text(pattern: str) -> None:
    """Any-character classes end where a leaf ends, so that what is beside it cannot decide about it."""
    redactor = Redactor(KEY, "k1", policy=parse_policy({"rule": [{"kind": "own_id", "pattern": pattern}]}, "p.toml"))
    assert redactor.value(["id=abc", "defghijk"], "v")[1] == []
    assert redactor.value(["id=abcdefghij", "x"], "v")[1] != []


def test_policy_id_covers_the_policy_and_names_its_text() -> None:
    """Equal content in another order is one policy; other content is another; the default has no digest."""
    one, same, other = (
        Redactor(KEY, "k1", policy=parse_policy(table, "p.toml"))
        for table in ({"disable": ["email", "iban"], "modes": {}}, {"modes": {}, "disable": ["email", "iban"]}, {"disable": ["email"]})
    )
    assert one.policy_id == same.policy_id != other.policy_id
    assert one.policy_id.endswith(f":{one.policy.digest}")
    assert Redactor(KEY, "k1").policy_id == Redactor(KEY, "k1", policy=DEFAULT_POLICY).policy_id
    assert policy_of_text(one.policy.text, "kept") == one.policy


def test_policy_is_kept_beside_the_record(tmp_path: Path) -> None:
    """By digest; one that was changed, or lost, is not used."""
    policy = parse_policy({"rule": [RULE], "allow": ["support@example.com"]}, "p.toml")
    keep_policy(str(tmp_path), policy)
    keep_policy(str(tmp_path), policy)
    assert os.listdir(tmp_path / "policies") == [f"{policy.digest}.json"]
    assert kept_policy(str(tmp_path), policy.digest).text == policy.text
    name = Redactor(KEY, "k1", policy=policy).policy_id
    assert recorded_text(str(tmp_path), name) == policy.text
    assert recorded_text(str(tmp_path), Redactor(KEY, "k1").policy_id) == ""
    file = tmp_path / "policies" / f"{policy.digest}.json"
    file.write_text(file.read_text().replace("support", "anybody"))
    with pytest.raises(BadInput, match="is not the redaction policy that it was"):
        kept_policy(str(tmp_path), policy.digest)
    file.unlink()
    assert recorded_text(str(tmp_path), name) is None
    with pytest.raises(BadInput, match="is no digest"):
        kept_policy(str(tmp_path), "../../../../etc/x")


def test_policy_is_not_looked_for_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that came with somebody's repository turns nothing off; FR_POLICY does, and a run's own policy comes before it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FR_POLICY", raising=False)
    monkeypatch.delenv("FR_REDACTION_POLICY", raising=False)
    file = tmp_path / "fr-policy.toml"
    file.write_text('[redaction]\ndisable = ["email"]\n')
    assert policy_in_force(str(tmp_path)) == DEFAULT_POLICY
    monkeypatch.setenv("FR_POLICY", str(file))
    assert "email" in policy_in_force(str(tmp_path)).disabled
    monkeypatch.setenv("FR_REDACTION_POLICY", "")
    assert policy_in_force(str(tmp_path)) == DEFAULT_POLICY


def test_store_keeps_the_policy_that_it_is_redacted_under(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes the redactor in force leaves its text in the store."""
    monkeypatch.setenv("FR_KEYS", str(tmp_path / "keys"))
    monkeypatch.delenv("FR_REDACTION_POLICY", raising=False)
    file = tmp_path / "p.toml"
    file.write_text('floor_days = 3\n[redaction.modes]\nemail = "drop"\n')
    monkeypatch.setenv("FR_POLICY", str(file))
    store = open_store(str(tmp_path / "store"))
    keys = keys_of_store(store.store_id)
    assert keys is not None
    redactor = redactor_in_force(keys, store.path)
    assert recorded_text(store.path, redactor.policy_id) == redactor.policy.text != ""


@pytest.mark.parametrize(
    ("text", "words"), [("[redaction", "p.toml: "), (None, "cannot be read"), ("[redaction]\nx=1\n", "x is not known")]
)
def test_unreadable_policy_names_the_file(tmp_path: Path, text: str | None, words: str) -> None:
    """Missing, no TOML, or with a typing error: one line."""
    file = tmp_path / "p.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadInput) as refused:
        read_policy_file(str(file))
    assert words in refused.value.one_line()
    assert str(file) in refused.value.one_line()


def test_file_without_redaction_is_the_default(tmp_path: Path) -> None:
    """The file may be there for what is kept how long only."""
    file = tmp_path / "p.toml"
    file.write_text("floor_days = 3\n")
    assert read_policy_file(str(file)) == DEFAULT_POLICY
