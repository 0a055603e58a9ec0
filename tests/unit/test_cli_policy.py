"""``fr policy``, ``fr record --policy`` and ``fr scan``."""

import json
import os
import sys
from pathlib import Path

import pytest

from fr_replay.cli.main import main

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cli_stores import run_fr

POLICY = """
[redaction]
allow = ["support@example.com"]

[redaction.modes]
payment_card = "drop"
phone = "keep"

[[redaction.rule]]
kind = "acme_ticket"
pattern = 'ACME-[0-9]{6}\\b'
examples = ["see ACME-123456 now"]
near_misses = ["ACME-12345", "XACME 123456"]
"""

PROGRAM = """
import fr_recorder as fr

@fr.tool(side_effect="read")
def look(question):
    return {"answer": "ACME-123456 of joe@example.org, boss support@example.com, phone +49 30 901820123", "asked": question}

with fr.trace("t", session="s"):
    print(look("card 4111 1111 1111 1111"))
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy file; the environment names none."""
    monkeypatch.delenv("FR_POLICY", raising=False)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    return file


def test_check_says_that_a_policy_can_be_used(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what its id is."""
    assert main(["policy", "check", str(policy)]) == 0
    assert "can be used; 1 rule of your own, 2 modes, 1 allowed value; fr" in capsys.readouterr().out


def test_check_tries_the_examples(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that does not find its example is refused; one that finds everything is warned of."""
    policy.write_text(POLICY.replace("see ACME-123456 now", "see ACME-12 now"))
    assert main(["policy", "check", str(policy)]) == 2
    assert "acme_ticket is not found in its example 'see ACME-12 now'" in capsys.readouterr().err
    policy.write_text('[redaction]\n[[redaction.rule]]\nkind = "any_word"\npattern = "[a-z]{5}"\n')
    assert main(["policy", "check", str(policy)]) == 0
    told = capsys.readouterr().err
    assert "any_word has no examples" in told
    assert "any_word finds something in ordinary text" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["policy", "chekc"], "has no action 'chekc'"),
        (["policy", "check"], "no policy is named"),
        (["policy", "check", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["policy", "test"], "needs a file"),
        (["policy", "test", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["record", "--policy", "nowhere.toml", "--", "true"], "nowhere.toml cannot be read"),
        (["scan", "--policy", "nowhere.toml"], "nowhere.toml cannot be read"),
    ],
)
def test_bad_input_is_one_line(policy: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    """Exit code 2 and no traceback."""
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_trial_masks_values(policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kind, line and path are shown, of a value its ends at most; exit code 1, or 0 when there is nothing."""
    text = tmp_path / "text.txt"
    text.write_text("write to support@example.com\nor joe.average@example.org about ACME-123456\n")
    assert main(["policy", "test", str(text), "--policy", str(policy), "--format", "json"]) == 1
    shown = capsys.readouterr()
    rows = json.loads(shown.out)
    assert [(row["line"], row["kind"]) for row in rows] == [(2, "email"), (2, "acme_ticket")]
    assert "joe.average" not in shown.out + shown.err
    assert "ACME-123456" not in shown.out + shown.err
    text.write_text("nothing here\n")
    assert main(["policy", "test", str(text), "--policy", str(policy)]) == 0


def test_kinds_are_listed(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Own ones, modes, and those that are off."""
    assert main(["policy", "kinds", "--policy", str(policy), "--format", "json"]) == 0
    modes = {row["kind"]: row["mode"] for row in json.loads(capsys.readouterr().out)}
    assert (modes["acme_ticket"], modes["payment_card"], modes["ipv4"], modes["email"]) == ("token", "drop", "off", "token")


def test_run_is_redacted_replayed_and_scanned_under_its_policy(policy: Path, tmp_path: Path) -> None:
    """Replay needs no policy file: it redacts as the record was; a scan finds what the policy kept, and names no value."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    env = {**os.environ, "FR_KEYS": str(tmp_path / "keys"), "FR_STORE": str(tmp_path / "store")}
    env.pop("FR_POLICY", None)
    recorded = run_fr("record", "--policy", str(policy), "--", sys.executable, str(program), env=env)
    assert recorded.returncode == 0, recorded.stderr
    policy.rename(tmp_path / "kept.toml")
    replayed = run_fr("replay", "last", env=env)
    assert replayed.returncode == 0, replayed.stderr
    assert "replay identical" in replayed.stderr
    assert "support@example.com" in replayed.stdout
    assert "[[fr:acme_ticket:" in replayed.stdout
    scanned = run_fr("scan", "--format", "json", env=env)
    assert scanned.returncode == 1, scanned.stderr
    kinds = {row["kind"] for row in json.loads(scanned.stdout)}
    assert kinds == {"email", "phone"}
    assert "support@" not in scanned.stdout + scanned.stderr
    again = run_fr("scan", "--policy", str(tmp_path / "kept.toml"), env=env)
    assert again.returncode == 0, again.stdout
    copied = run_fr("extract", "last", "-o", str(tmp_path / "copy"), env=env)
    assert copied.returncode == 0, copied.stderr
    assert os.listdir(tmp_path / "copy" / "policies") == os.listdir(tmp_path / "store" / "policies")


def test_broken_policy_of_the_environment_leaves_the_program_alone(policy: Path, tmp_path: Path) -> None:
    """The command runs, nothing is recorded, and one line says why: content is not written under rules that nobody asked for."""
    policy.write_text("[redaction]\nmodes = 3\n")
    env = {**os.environ, "FR_KEYS": str(tmp_path / "keys"), "FR_STORE": str(tmp_path / "store"), "FR_POLICY": str(policy)}
    done = run_fr("record", "--", sys.executable, "-c", "print('ran')", env=env)
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert "not recording" in done.stderr
    assert "[redaction.modes] is not a table" in done.stderr
