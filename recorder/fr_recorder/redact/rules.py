"""The rule table: every kind of secret that is looked for by its shape."""

from __future__ import annotations

from fr_recorder.redact.rule import Rule
from fr_recorder.redact.rules_cloud import CLOUD_RULES
from fr_recorder.redact.rules_contact import CONTACT_RULES
from fr_recorder.redact.rules_generic import GENERIC_RULES
from fr_recorder.redact.rules_identity import IDENTITY_RULES
from fr_recorder.redact.rules_models import MODEL_RULES
from fr_recorder.redact.rules_network import NETWORK_RULES
from fr_recorder.redact.rules_services import SERVICE_RULES
from fr_recorder.redact.rules_settings import SETTING_RULES
from fr_recorder.redact.rules_vendors import VENDOR_RULES

__all__ = ["DISABLED_BY_DEFAULT", "RULES"]

RULES: tuple[Rule, ...] = (
    *MODEL_RULES,
    *CLOUD_RULES,
    *SERVICE_RULES,
    *VENDOR_RULES,
    *GENERIC_RULES,
    *SETTING_RULES,
    *IDENTITY_RULES,
    *CONTACT_RULES,
    *NETWORK_RULES,
)
"""In order of preference: of two rules that match the same characters, the one that knows the format better comes first."""

DISABLED_BY_DEFAULT: frozenset[str] = frozenset(rule.kind for rule in RULES if not rule.enabled)
"""Kinds that a policy must name to have them replaced."""
