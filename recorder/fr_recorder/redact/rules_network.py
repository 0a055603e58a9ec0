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
        r"\b([13mn2][1-9A-HJ-NP-Za-km-z]{25,34})\b",
        "https://en.bitcoin.it/wiki/Invoice_address (base58check)",
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "1BvBMSEY"),
        check="base58check",
        enabled=False,
    ),
    Rule(
        "bitcoin_address",
        r"\b((?:bc|tb)1[02-9ac-hj-np-z]{25,87})\b",
        "BIP 173, BIP 350 (bech32)",
        ("pay bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "bc1q"),
        check="bech32",
        enabled=False,
    ),
    Rule(
        "litecoin_address",
        r"\b(ltc1[02-9ac-hj-np-z]{25,87})\b",
        "https://litecoin.info/docs/key-concepts/wallets (bech32)",
        ("ltc1q8c6fshw2dlwun7ekn9qwf37cu2rn755u9ym7p0",),
        ("ltc1q8c6fshw2dlwun7ekn9qwf37cu2rn755u9ym7p1",),
        check="bech32",
        enabled=False,
    ),
    Rule(
        "cardano_address",
        r"\b((?:addr|stake)1[02-9ac-hj-np-z]{50,110})\b",
        "CIP-19 (bech32)",
        ("addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",),
        ("addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl9",),
        check="bech32",
        enabled=False,
    ),
    Rule(
        "dogecoin_address",
        r"\b(D[5-9A-HJ-NP-U][1-9A-HJ-NP-Za-km-z]{32})\b",
        "https://dogecoin.com (base58check)",
        ("DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L",),
        ("DH5yaieqoZN36fDVciNyRueRGvGLR3mr7M",),
        check="base58check",
        enabled=False,
    ),
    Rule(
        "tron_address",
        r"\b(T[1-9A-HJ-NP-Za-km-z]{33})\b",
        "https://developers.tron.network/docs/account (base58check)",
        ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",),
        ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv9",),
        check="base58check",
        enabled=False,
    ),
    Rule(
        "ripple_address",
        r"\b(r[1-9A-HJ-NP-Za-km-z]{24,34})\b",
        "https://xrpl.org/docs/references/protocol/data-types/base58-encodings",
        ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",),
        ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTi",),
        check="ripple_base58check",
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
