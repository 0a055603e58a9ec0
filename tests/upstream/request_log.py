"""What the scripted upstream remembers of each request, and its JSON form; standard library only."""

import base64
from typing import Any, NamedTuple


class LoggedRequest(NamedTuple):
    """One request as it arrived.

    `target` is the path with its query, undecoded. `headers` keep order, case and repeats. `body` is the bytes before any content
    decoding; `complete` is False when the client went away while sending them. `connection` numbers the TCP connections.
    """

    number: int
    connection: int
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool

    def header(self, name: str) -> str | None:
        """The first header of this name in any case, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def to_json(self) -> dict[str, Any]:
        """The JSON form: the body in base64, header bytes as latin-1 text."""
        return {**self._asdict(), "headers": [list(pair) for pair in self.headers], "body": base64.b64encode(self.body).decode("ascii")}

    @classmethod
    def from_json(cls, logged: dict[str, Any]) -> "LoggedRequest":
        """The inverse of `to_json`."""
        pairs = tuple((name, value) for name, value in logged["headers"])
        return cls(**{**logged, "headers": pairs, "body": base64.b64decode(logged["body"])})
