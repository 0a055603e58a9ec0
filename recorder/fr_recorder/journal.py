"""The journal of one process: an append-only file of frames that survives the process.

Used by one thread at a time (the writer's). Every append is one ``write()``, so a killed process leaves whole
frames behind. The file is locked while its process lives, which is how a reader knows a live journal from a dead one.
"""

from __future__ import annotations

import fcntl
import os
from typing import Any

from fr_schema.frames import encode_frame
from fr_schema.layout import journal_path

__all__ = ["Journal", "is_live"]


class Journal:
    """One journal file at a time, rotated by size.

    Attributes:
        writer: the writer id.
        file: number of the current file.
        size: bytes in it.
        dirty: True when something was written since the last sync.
    """

    def __init__(self, store: str, writer: str) -> None:
        self._store = store
        self.writer = writer
        self.file = -1
        self.size = 0
        self.dirty = False
        self._frames = 0
        self._descriptor = -1
        self._compressor: Any = None

    def open_next(self) -> None:
        """Begin the next file. Raises OSError."""
        import zstandard

        self.close()
        path = journal_path(self._store, self.writer, self.file + 1)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # Locked before it has its name: a sealer must never find it unlocked and take its writer for dead.
        unnamed = f"{path}.tmp"
        descriptor = os.open(unnamed, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(unnamed, path)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._compressor = zstandard.ZstdCompressor(level=1, write_checksum=False)
        self.file += 1
        self.size = self._frames = 0

    @property
    def is_open(self) -> bool:
        """True between :meth:`open_next` and :meth:`close`."""
        return self._descriptor >= 0

    def append(self, payload: bytes) -> None:
        """Write one frame. When the disk takes only part of it, the part is taken back. Raises OSError."""
        frame = encode_frame(self._frames, payload, self._compressor)
        written = 0
        try:
            while written < len(frame):
                written += os.write(self._descriptor, frame[written:] if written else frame)
        except OSError:
            if written:
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(frame)
        self._frames += 1
        self.dirty = True

    def sync(self) -> None:
        """Make what was appended safe against loss of power. Raises OSError."""
        if self.dirty and self._descriptor >= 0:
            os.fdatasync(self._descriptor)
            self.dirty = False

    def close(self) -> None:
        """Close the file and so give up its lock."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def forget(self) -> None:
        """In the child of a fork: let go of the parent's file without touching its lock or content."""
        self.close()


def is_live(path: str) -> bool:
    """True while the process that writes this journal file lives. Raises OSError when it cannot be opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
