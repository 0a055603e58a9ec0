"""``fr seal``: journals of ended processes become Parquet files."""

from __future__ import annotations

import os

from fr_replay.capture import chosen_store, is_live, journal_files, read_format, seal_dead_journals

from .figures import count_of
from .options import StoreOption
from .output import say, write_text

__all__ = ["seal"]

_EXIT_DAMAGE = 2


def seal(store: StoreOption = None) -> int:
    """Turn the journals of ended processes into Parquet files, and say what was done, one line each.

    Every command does this before it reads; this one does it alone. Journals of running processes are left to them. Exit code: 2 when
    a journal was damaged; what could be read of it is sealed, and the damaged file itself is kept in quarantine/.
    """
    opened = read_format(chosen_store(store))
    sealed = seal_dead_journals(opened.path)
    for journal in sealed:
        files = ", ".join(journal.files) or "no file"
        write_text(f"sealed {os.path.relpath(journal.journal, opened.path)}: {count_of(journal.rows, 'event')} in {files}")
        for damage in journal.damage:
            kept = os.path.relpath(journal.kept, opened.path) if journal.kept else "nowhere"
            say(f"{os.path.relpath(journal.journal, opened.path)} was damaged: {damage}; the damaged file is kept as {kept}")
    running = [(writer, path) for writer, _, path in journal_files(opened.path) if _lives(path)]
    for writer, path in running:
        write_text(f"left {os.path.relpath(path, opened.path)}: {writer} is still being written")
    if not sealed and not running:
        write_text("nothing to seal")
    return _EXIT_DAMAGE if any(journal.damage for journal in sealed) else 0


def _lives(path: str) -> bool:
    try:
        return is_live(path)
    except FileNotFoundError:
        # Sealed by another command in this moment.
        return False
