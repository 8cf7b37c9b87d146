"""The file of the embedded store: one process has it, and it must still be where that process opened it.

Teaches that an open file outlives its name: data written to a file that was deleted, moved or replaced reaches the disk
and is lost all the same. So a commit is acknowledged only if the database and its write-ahead log still exist under
their names and have not become shorter, which two calls of stat show. On Linux the lock is on the file itself, so that
it also holds for other names of the file.

Leaves out network file systems, and a file that another program overwrites in place without making it shorter, such as
`cp backup.db chat.db`: stop the server first. SQLite cannot detect that: with a write-ahead log its change counter is
written only now and then, and `PRAGMA data_version` counts only commits by SQLite. The time of the last change does not
help, since harmless programs change it too: Litestream, for example, checkpoints the log.
"""

import fcntl
import os
import sys
from pathlib import Path

_locked: set[tuple[int, int]] = set()
"""Device and inode of the files that this process has locked. A second open and close would drop SQLite's own locks on
the file ("How To Corrupt An SQLite Database File", section 2.2), so a second attempt is refused before that."""


class FileMoved(Exception):
    """The database was deleted, moved, replaced or cut: anything written now would be lost."""


class DatabaseFile:
    """Locks the database for this process, created if needed. The operating system ends the lock with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        on_linux = sys.platform == "linux"  # elsewhere flock and the locks of SQLite exclude each other
        self._descriptor = _lock(self.path if on_linux else self.path.with_name(self.path.name + ".lock"))
        self._files: dict[Path, os.stat_result] = {}

    def watch(self) -> None:
        """Note which files these are; call it while SQLite has them open. Raises OSError."""
        log = self.path.with_name(self.path.name + "-wal")
        self._files = {path: path.stat() for path in (self.path, log)}

    def require_in_place(self) -> None:
        """Raise FileMoved unless the files are under their names, and no shorter than before: SQLite cuts neither."""
        for path, known in self._files.items():
            try:
                status = path.stat()
            except OSError as error:
                raise FileMoved(f"{path} is not there any more: {error.strerror}") from None
            if not os.path.samestat(known, status):
                raise FileMoved(f"{path} is another file than the one that was opened")
            if status.st_size < known.st_size:
                raise FileMoved(f"{path} was cut from {known.st_size} to {status.st_size} bytes by another program")
            self._files[path] = status

    def close(self) -> None:
        """End the lock. Close SQLite's connections before."""
        _locked.discard(_identity(os.fstat(self._descriptor)))
        os.close(self._descriptor)


def _lock(path: Path) -> int:
    """Return the descriptor that holds the lock; raise RuntimeError if it is taken."""
    in_use = RuntimeError(
        f"store: {path} is open in another process, and the embedded store serves one only; "
        "use another file, or a store that several processes can share"
    )
    if path.exists() and _identity(path.stat()) in _locked:
        raise in_use
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise in_use from None
    _locked.add(_identity(os.fstat(descriptor)))
    return descriptor


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
