"""Checks beyond patterns: checksums, and whether a value looks like a secret."""

from __future__ import annotations

import pytest

from fr_recorder.redact.checks import card_checksum_holds, iban_checksum_holds, is_opaque, is_placeholder
from fr_recorder.redact.specimens import ALPHABETS, fill


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
        "6200000000000005",
    ],
)
def test_card_networks_test_numbers_pass(number: str) -> None:
    """The published test numbers of the networks pass, and fail with any one digit changed."""
    digits = [int(character) for character in number]
    assert card_checksum_holds(digits)
    for place in range(len(digits)):
        changed = [*digits[:place], (digits[place] + 1) % 10, *digits[place + 1 :]]
        assert not card_checksum_holds(changed)


@pytest.mark.parametrize("number", ["1111111111111111", "9999999999999995", "41111111", "1234567812345670"])
def test_numbers_of_no_network_fail(number: str) -> None:
    """Unknown issuer ranges and lengths are no cards, even where the checksum holds."""
    assert not card_checksum_holds([int(character) for character in number])


@pytest.mark.parametrize("number", ["GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947"])
def test_iban_examples_pass(number: str) -> None:
    """Examples of the SWIFT registry pass, and fail with two digits exchanged or a digit missing."""
    assert iban_checksum_holds(number)
    assert not iban_checksum_holds(number[:-1])
    swapped = number[:4] + number[5] + number[4] + number[6:]
    assert swapped == number or not iban_checksum_holds(swapped)


@pytest.mark.parametrize(
    ("template", "least"),
    [
        ("<alnum:16>", 190),
        ("<alnum:40>", 198),
        ("<hex:32>", 190),
        ("<hex:64>", 190),
        ("<url64:86>", 198),
        ("<base64:40>", 198),
        ("<lower:32>", 190),
        ("<letters:40>", 160),
    ],
)
def test_generated_credentials_look_opaque(template: str, least: int) -> None:
    """Nearly all of 200 random strings are taken for credentials; the rare ones without any digit in most cases."""
    taken = sum(is_opaque(fill(template, number).encode()) for number in range(200))
    assert taken >= least


@pytest.mark.parametrize(
    "value",
    [
        "next_page_of_the_results_2",
        "PrivateKeyTypesForTheModule",
        "authentication-required",
        "2024-05-15T10:00:00",
        "/usr/local/share/ca-certificates1",
        "https://example.com/token1",
        "${ACCESS_TOKEN_FROM_ENV1}",
        "tokenizer.next_token",
        "1234567890123456",
        "short1",
        "xxxxxxxxxxxxxxxxxxxxxxxx",
    ],
)
def test_words_do_not_look_opaque(value: str) -> None:
    """Identifiers, dates, paths, links, templates and plain numbers are no credentials."""
    assert not is_opaque(value.encode())


@pytest.mark.parametrize(
    "value", ["None", "${TOKEN}", "<password>", "********", "xxxxxxxx", "$DB_PASSWORD", "your_api_key", "{{ secret }}", "%s"]
)
def test_placeholders_are_known(value: str) -> None:
    """What stands for a secret is no secret."""
    assert is_placeholder(value.encode())


def test_specimens_are_the_same_in_every_process() -> None:
    """A filling depends on template and variant alone, keeps to its alphabet, and leaves other angle brackets alone."""
    assert fill("a<hex:12>b") == fill("a<hex:12>b") != fill("a<hex:12>b", 1)
    assert fill("<b>bold</b> <=x>") == "<b>bold</b> x"
    for name, alphabet in ALPHABETS.items():
        filled = fill(f"<{name}:50>")
        assert len(filled) == 50
        assert set(filled) <= set(alphabet)
