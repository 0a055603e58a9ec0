"""The one door from the reading side to the recorder: what replay, sealing and the launcher need of it.

Nothing else in this package imports ``fr_recorder``. Each name is imported when it is first asked for, so that a command
waits for what it uses, and a replayed program's process holds no more of us than replay needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fr_recorder import (
        api,
        boundary,
        child_streams,
        children,
        clock,
        concurrency,
        crossings,
        lanes,
        manifests,
        os_system,
        parquet_files,
        randomness,
        reads,
        real,
        recorder,
        rewrites,
        seams,
        standard_streams,
        transfer,
        values,
    )
    from fr_recorder import trace_context as context
    from fr_recorder.child_programs import asked_by_probe, is_python, redacted_command, runs_python
    from fr_recorder.content import ContentStore
    from fr_recorder.encoder import Encoder, text_headers
    from fr_recorder.environment import is_secret_name
    from fr_recorder.facts import put_fact, scored
    from fr_recorder.heartbeats import write_heartbeats
    from fr_recorder.import_hooks import after_import
    from fr_recorder.input_files import ABSENT, LARGEST_FILE_BYTES, UNHASHED, content_hash
    from fr_recorder.journal import is_live
    from fr_recorder.key_providers import checked_provider, new_key_file
    from fr_recorder.key_ring import KeyRing, open_ring
    from fr_recorder.keys import Keys, keys_of_store
    from fr_recorder.late_journal import LateJournal
    from fr_recorder.launch import (
        LAUNCH_VARIABLES,
        ChildStatus,
        Recording,
        boot_environment,
        die_like,
        find_command,
        record_command,
        run_child,
        temporary_folder,
    )
    from fr_recorder.leaves import leaf_hashes, leaf_texts, proved_leaves
    from fr_recorder.location import belongs_to_library, calling_location, describe_location
    from fr_recorder.manifests import HEARTBEAT_PURPOSE, MANIFEST_PURPOSE, digest_of, heartbeats_of, manifests_of, read_manifest
    from fr_recorder.opening import DAMAGED, ERASED, NO_KEY, Opener
    from fr_recorder.placement import DEFAULT_TENANT, scope_name
    from fr_recorder.policies import keep_policy, kept_policy, policy_in_force, recorded_text, redactor_in_force
    from fr_recorder.program import hash_of_file, installed_packages, loaded_code
    from fr_recorder.redact import Redactor
    from fr_recorder.redact.policy import digest_in
    from fr_recorder.redact.policy_file import RedactionPolicy, policy_of_text, read_policy_file
    from fr_recorder.redact.rules import RULES
    from fr_recorder.seal import (
        Origin,
        Sealed,
        SealedBlobs,
        journal_files,
        seal_dead_journals,
        trace_of_journal,
        write_segment,
    )
    from fr_recorder.signing import is_public_key, is_signed_by, sign_statement, trusted_signers
    from fr_recorder.store import DEFAULT_STORE, OpenStore, chosen_store, mark_encrypted, open_store, read_format

__all__ = [
    "ABSENT",
    "DAMAGED",
    "DEFAULT_STORE",
    "DEFAULT_TENANT",
    "ERASED",
    "HEARTBEAT_PURPOSE",
    "LARGEST_FILE_BYTES",
    "LAUNCH_VARIABLES",
    "MANIFEST_PURPOSE",
    "NO_KEY",
    "RULES",
    "UNHASHED",
    "ChildStatus",
    "ContentStore",
    "Encoder",
    "KeyRing",
    "Keys",
    "LateJournal",
    "OpenStore",
    "Opener",
    "Origin",
    "Recording",
    "RedactionPolicy",
    "Redactor",
    "Sealed",
    "SealedBlobs",
    "after_import",
    "api",
    "asked_by_probe",
    "belongs_to_library",
    "boot_environment",
    "boundary",
    "calling_location",
    "checked_provider",
    "child_streams",
    "children",
    "chosen_store",
    "clock",
    "concurrency",
    "content_hash",
    "context",
    "crossings",
    "describe_location",
    "die_like",
    "digest_in",
    "digest_of",
    "find_command",
    "hash_of_file",
    "heartbeats_of",
    "installed_packages",
    "is_live",
    "is_public_key",
    "is_python",
    "is_secret_name",
    "is_signed_by",
    "journal_files",
    "keep_policy",
    "kept_policy",
    "keys_of_store",
    "lanes",
    "leaf_hashes",
    "leaf_texts",
    "loaded_code",
    "manifests",
    "manifests_of",
    "mark_encrypted",
    "new_key_file",
    "open_ring",
    "open_store",
    "os_system",
    "parquet_files",
    "policy_in_force",
    "policy_of_text",
    "proved_leaves",
    "put_fact",
    "randomness",
    "read_format",
    "read_manifest",
    "read_policy_file",
    "reads",
    "real",
    "record_command",
    "recorded_text",
    "recorder",
    "redacted_command",
    "redactor_in_force",
    "rewrites",
    "run_child",
    "runs_python",
    "scope_name",
    "scored",
    "seal_dead_journals",
    "seams",
    "sign_statement",
    "standard_streams",
    "temporary_folder",
    "text_headers",
    "trace_of_journal",
    "transfer",
    "trusted_signers",
    "values",
    "write_heartbeats",
    "write_segment",
]

_HOMES = {
    **dict.fromkeys(("asked_by_probe", "is_python", "redacted_command", "runs_python"), "child_programs"),
    "ContentStore": "content",
    "Encoder": "encoder",
    "text_headers": "encoder",
    "is_secret_name": "environment",
    "after_import": "import_hooks",
    **dict.fromkeys(("ABSENT", "LARGEST_FILE_BYTES", "UNHASHED", "content_hash"), "input_files"),
    **dict.fromkeys(("put_fact", "scored"), "facts"),
    "LateJournal": "late_journal",
    "is_live": "journal",
    "Keys": "keys",
    "keys_of_store": "keys",
    "belongs_to_library": "location",
    "calling_location": "location",
    "describe_location": "location",
    "hash_of_file": "program",
    "installed_packages": "program",
    "loaded_code": "program",
    "Redactor": "redact",
    "Origin": "seal",
    "Sealed": "seal",
    "SealedBlobs": "seal",
    "journal_files": "seal",
    **dict.fromkeys(("HEARTBEAT_PURPOSE", "MANIFEST_PURPOSE", "digest_of", "heartbeats_of"), "manifests"),
    **dict.fromkeys(("leaf_hashes", "leaf_texts", "proved_leaves"), "leaves"),
    **dict.fromkeys(("is_public_key", "is_signed_by", "sign_statement", "trusted_signers"), "signing"),
    "write_heartbeats": "heartbeats",
    "manifests_of": "manifests",
    "read_manifest": "manifests",
    "seal_dead_journals": "seal",
    "trace_of_journal": "seal",
    "write_segment": "seal",
    **dict.fromkeys(("keep_policy", "kept_policy", "policy_in_force", "recorded_text", "redactor_in_force"), "policies"),
    **dict.fromkeys(("RedactionPolicy", "policy_of_text", "read_policy_file"), "redact.policy_file"),
    "digest_in": "redact.policy",
    "RULES": "redact.rules",
    **dict.fromkeys(("checked_provider", "new_key_file"), "key_providers"),
    **dict.fromkeys(("KeyRing", "open_ring"), "key_ring"),
    **dict.fromkeys(("DAMAGED", "ERASED", "NO_KEY", "Opener"), "opening"),
    **dict.fromkeys(("DEFAULT_TENANT", "scope_name"), "placement"),
    "mark_encrypted": "store",
    "DEFAULT_STORE": "store",
    "OpenStore": "store",
    "chosen_store": "store",
    "open_store": "store",
    "read_format": "store",
    **dict.fromkeys(
        (
            *("LAUNCH_VARIABLES", "ChildStatus", "Recording", "boot_environment", "die_like", "find_command"),
            *("record_command", "run_child", "temporary_folder"),
        ),
        "launch",
    ),
}
"""The module of a name; what is not here is a module itself."""

_MODULES = {"context": "trace_context"}
"""Modules that go by another name here: there ``fr.context`` is a public call."""


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = importlib.import_module(f"fr_recorder.{_HOMES.get(name) or _MODULES.get(name, name)}")
        value = getattr(module, name) if name in _HOMES else module
        globals()[name] = value
        return value
