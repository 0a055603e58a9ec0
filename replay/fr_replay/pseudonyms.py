"""The stored name of a user: the same keyed function that the recorder applies, so that a person can be looked up by their own id."""

from __future__ import annotations

import re

from fr_schema.errors import BadInput

__all__ = ["user_ref_of"]

_PSEUDONYM = re.compile(r"u_[a-z2-7]{16}")


def user_ref_of(store_path: str, user: str) -> str:
    """The ``user_ref`` of a user id in this store; a ``user_ref`` is taken as it is.

    Raises:
        BadInput: the key of the store is not on this machine.
    """
    if _PSEUDONYM.fullmatch(user):
        return user
    from .capture import ContentStore, Encoder, keys_of_store, read_format

    keys = keys_of_store(read_format(store_path).store_id, create=False)
    if keys is None:
        raise BadInput(
            f"the key of {store_path} is not on this machine, and users are stored under keyed names only",
            hint="set FR_KEYS to the folder that has it, or give the stored name (u_...)",
        )
    return Encoder(None, ContentStore(None, keys.content), keys.redaction, 0).pseudonym(user)
