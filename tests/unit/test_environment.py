"""Which environment variables are recorded: an allow-list, and secrets by name only."""

from __future__ import annotations

import pytest

from fr_recorder.environment import ALLOWED, allowed_environment, is_secret_name, secret_names

NAMES: tuple[tuple[str, bool], ...] = (
    ("OPENAI_API_KEY", True),
    ("openai_api_key", True),
    ("ANTHROPIC_AUTH_TOKEN", True),
    ("AWS_SECRET_ACCESS_KEY", True),
    ("DATABASE_PASSWORD", True),
    ("GOOGLE_APPLICATION_CREDENTIALS", True),
    ("SENTRY_DSN", True),
    ("TOKENS", True),
    ("KEYBOARD", False),
    ("MONKEY", False),
    ("TOKENIZER", False),
    ("OPENAI_BASE_URL", False),
    ("PWD", False),
    ("OLDPWD", False),
    ("SSH_AUTH_SOCK", False),
)


@pytest.mark.parametrize(("name", "secret"), NAMES)
def test_secret_names_are_told(name: str, secret: bool) -> None:
    """By their words, not by letters inside of one."""
    assert is_secret_name(name) is secret


ENV = {
    "OPENAI_BASE_URL": "http://x",
    "OPENAI_API_KEY": "sk-1",
    "MY_SETTING": "a",
    "MY_OTHER": "b",
    "MY_TOKEN": "t",
    "LANG": "C",
    "HOME": "/home/ann",
    "PATH": "/bin",
    "PYTHONHASHSEED": "7",
}


def test_only_listed_variables_have_values() -> None:
    """Anything else may be a secret, whatever its name."""
    assert allowed_environment(ENV) == {"LANG": "C", "OPENAI_BASE_URL": "http://x", "PYTHONHASHSEED": "7"}


@pytest.mark.parametrize(
    ("asked", "more"),
    [("MY_SETTING", {"MY_SETTING"}), (" MY_* , NONE,", {"MY_SETTING", "MY_OTHER"}), ("*", set(ENV) - {"OPENAI_API_KEY", "MY_TOKEN"})],
)
def test_fr_env_adds_names_and_patterns(asked: str, more: set[str]) -> None:
    """Never one that looks like a secret's, even if asked for."""
    found = allowed_environment({**ENV, "FR_ENV": asked})
    assert found.keys() - {"FR_ENV"} == {"LANG", "OPENAI_BASE_URL", "PYTHONHASHSEED"} | more


def test_secrets_are_named_without_values() -> None:
    """Those of providers, and those asked for: replay puts a stand-in in their place."""
    assert secret_names(ENV) == ["MY_TOKEN", "OPENAI_API_KEY"]
    assert secret_names({"ODD_PASSWORD": "x"}) == []
    assert secret_names({"ODD_PASSWORD": "x", "FR_ENV": "ODD_*"}) == ["ODD_PASSWORD"]


@pytest.mark.parametrize("pattern", ALLOWED)
def test_no_pattern_lets_a_secret_through(pattern: str) -> None:
    """A name that fits a pattern and says that it is a secret has no value in the record."""
    name = pattern.replace("*", "X_API_KEY")
    assert name not in allowed_environment({name: "sk-1"}) or not is_secret_name(name)
