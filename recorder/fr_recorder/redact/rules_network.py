"""Addresses of machines and wallets. Off by default: an agent's record is full of them, and they are wanted at three in the morning."""

from __future__ import annotations

from fr_recorder.redact.rule import Rule

__all__ = ["NETWORK_RULES"]

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

NETWORK_RULES: tuple[Rule, ...] = (
    Rule(
        "ipv4",
        rf"(?:[^0-9A-Za-z_.])({_OCTET}(?:\.{_OCTET}){{3}})(?:[^0-9A-Za-z_.]|\.[^0-9])",
        "RFC 6943 section 3.1.1",
        ("from 203.0.113.77 at", "203.0.113.77:443"),
        ("1.2.3", "1.2.3.4.5", "256.1.1.1"),
        enabled=False,
    ),
    Rule(
        "ipv6",
        r"(?:[^0-9A-Za-z_:.])((?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|(?:[0-9a-fA-F]{1,4}:){1,6}(?::[0-9a-fA-F]{1,4}){1,6})(?:[^0-9A-Za-z_:])",
        "RFC 4291 section 2.2",
        ("2001:db8:85a3::8a2e:370:7334", "2001:db8:0:0:0:0:2:1"),
        ("12:30:45", "std::vector", "a:b"),
        enabled=False,
    ),
    Rule(
        "mac_address",
        r"(?:[^0-9A-Za-z_:\-])([0-9a-fA-F]{2}(?:[:\-][0-9a-fA-F]{2}){5})(?:[^0-9A-Za-z_:\-])",
        "IEEE 802-2014 section 8.1",
        ("hw 3c:22:fb:1a:9e:04.", "3C-22-FB-1A-9E-04"),
        ("3c:22:fb:1a:9e", "3c:22:fb:1a:9e:04:05"),
        enabled=False,
    ),
    Rule(
        "bitcoin_address",
        r"\b(bc1[02-9ac-hj-np-z]{25,62}|[13][1-9A-HJ-NP-Za-km-z]{25,34})\b",
        "BIP 173; https://en.bitcoin.it/wiki/Invoice_address",
        ("pay bc1q<bech32:38>", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
        ("bc1q", "1BvBMSEY"),
        check="mixed",
        enabled=False,
    ),
    Rule(
        "ethereum_address",
        r"\b(0x[0-9a-fA-F]{40})\b",
        "EIP-55",
        ("0x<hex:40>",),
        ("0x<hex:64>", "0xdeadbeef"),
        enabled=False,
    ),
)
