"""Which redaction policy holds, and where its text is kept: beside the record, so that replay on another machine redacts alike.

The launcher reads ``FR_POLICY`` once, keeps its text in the store, and names it to the processes of the run by digest: a file that is
edited meanwhile does not split a run. Texts are content-addressed: ``STORE/policies/<digest>.json``.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from fr_schema.errors import BadInput

if TYPE_CHECKING:
    from .keys import Keys
    from .redact import Redactor
    from .redact.policy_file import RedactionPolicy

__all__ = [
    "POLICIES",
    "POLICY_VARIABLE",
    "keep_policy",
    "kept_policy",
    "named_policy",
    "policy_in_force",
    "policy_of_file",
    "recorded_text",
    "redactor_in_force",
]

POLICIES = "policies"
"""Folder of a store with the texts of the policies that it was redacted under."""

POLICY_VARIABLE = "FR_REDACTION_POLICY"
"""Digest of the policy of a run, for its processes."""

_DIGEST = re.compile(r"[0-9a-f]{16}")


def policy_in_force(store: str) -> RedactionPolicy:
    """The policy of this process: that of its run, else of the file that ``FR_POLICY`` names, else the default.

    Raises:
        BadInput: for a policy that cannot be read or is not what its digest says. The caller must not record content then.
    """
    return named_policy(store) or _default()


def named_policy(store: str) -> RedactionPolicy | None:
    """The policy that the environment names; None when it names none, which loads nothing. Raises BadInput."""
    digest = os.environ.get(POLICY_VARIABLE)
    if digest is not None:
        return kept_policy(store, digest) if digest else None
    return policy_of_file()


def policy_of_file() -> RedactionPolicy | None:
    """The policy of the file that ``FR_POLICY`` names, whatever run this is part of; None when it names none. Raises BadInput."""
    path = os.environ.get("FR_POLICY")
    if not path:
        return None
    from .redact.policy_file import read_policy_file

    return read_policy_file(path)


def _default() -> RedactionPolicy:
    from .redact.policy_file import DEFAULT_POLICY

    return DEFAULT_POLICY


def redactor_in_force(keys: Keys, store: str) -> Redactor:
    """The redactor for a store under the policy in force, whose text is kept there. Raises BadInput, OSError."""
    from .redact import Redactor

    policy = policy_in_force(store)
    keep_policy(store, policy)
    return Redactor(keys.redaction, keys.key_id, policy=policy)


def kept_policy(store: str, digest: str) -> RedactionPolicy:
    """The policy of a digest, empty for the default. Raises BadInput where the store has none or another one under this name."""
    from .redact.policy_file import policy_of_text

    if not digest:
        return _default()
    path = os.path.join(store, POLICIES, f"{digest}.json")
    if not _DIGEST.fullmatch(digest):
        raise BadInput(f"{digest!r} is no digest of a redaction policy")
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise BadInput(f"the redaction policy {path} cannot be read: {error.strerror or error}") from None
    policy = policy_of_text(text, path)
    if policy.digest != digest or policy.text != text:
        raise BadInput(f"{path} is not the redaction policy that it was", hint="its name is the digest of its text")
    return policy


def recorded_text(store: str, policy_id: str | None) -> str | None:
    """The text of the policy that a policy id names, empty for the default; None where the store has lost it."""
    from .redact.policy import digest_in

    try:
        return kept_policy(store, digest_in(policy_id)).text
    except BadInput:
        return None


def keep_policy(store: str, policy: RedactionPolicy) -> None:
    """Put a policy's text into a store, unless it is there; the default has none. Raises OSError."""
    if not policy.text:
        return
    folder = os.path.join(store, POLICIES)
    path = os.path.join(folder, f"{policy.digest}.json")
    if os.path.exists(path):
        return
    os.makedirs(folder, exist_ok=True)
    partial = f"{path}.{os.getpid()}.tmp"
    with open(partial, "w", encoding="utf-8") as file:
        file.write(policy.text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
