"""Multipart bodies, such as uploads: https://www.rfc-editor.org/rfc/rfc2046#section-5.1 and RFC 7578."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Part", "boundary_of", "cut_parts"]

_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE)
_FIELD_NAME = re.compile(r'\bname\s*=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s;]+))', re.IGNORECASE)
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


class Part(NamedTuple):
    """One part of a multipart body.

    Attributes:
        name: the form field's name, None outside of forms.
        content_type: as declared, None when it is not.
        head: its headers as they stand, empty when it has none.
        head_start: where they begin in the body.
        start: where its content begins in the body.
        end: where its content ends; the line end before the next boundary is not part of it.
    """

    name: str | None
    content_type: str | None
    head: bytes
    head_start: int
    start: int
    end: int


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a content type names, or None."""
    match = _BOUNDARY.search(content_type)
    return (match[1] or match[2]).encode("latin-1", "replace") if match else None


def cut_parts(data: bytes, boundary: bytes) -> Iterator[Part]:
    """The parts of a body; the last one may lack its closing boundary.

    Raises:
        ValueError: when the body does not begin with the boundary, or a part has no end of its headers.
    """
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    here = delimiter.match(data)
    if here is None:
        raise ValueError("the body does not begin with its boundary")
    while here is not None and not here[1] and here.end() < len(data):
        following = delimiter.search(data, here.end() - 1)
        yield _part(data, here.end(), following.start() if following else len(data))
        here = following


def _part(data: bytes, start: int, end: int) -> Part:
    if end <= start:
        return Part(None, None, b"", start, start, start)
    empty_head = re.compile(rb"\r?\n").match(data, start, end)
    if empty_head is not None:
        return Part(None, None, b"", start, empty_head.end(), end)
    blank = _END_OF_HEADERS.search(data, start, end + 1)
    if blank is None:
        raise ValueError("a part without an end of its headers")
    head = data[start : blank.start()]
    text = head.decode("utf-8", "surrogateescape")
    return Part(_field_name(text), _header(text, "content-type"), head, start, min(blank.end(), end), end)


def _header(head: str, name: str) -> str | None:
    for line in head.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip().lower() == name:
            return value.strip()
    return None


def _field_name(head: str) -> str | None:
    disposition = _header(head, "content-disposition")
    match = _FIELD_NAME.search(disposition) if disposition else None
    return (match[1] or match[2]) if match else None
