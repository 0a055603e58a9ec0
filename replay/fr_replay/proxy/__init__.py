"""``fr proxy``: a recording reverse proxy for programs that are not Python or cannot be touched, and one that serves a record."""

__all__ = ["TRANSPORT"]

TRANSPORT = "fr proxy"
"""What the record names as the client that made a request, in the column ``transport``."""
