"""A file is written whole or not at all; knows nothing of what is in it.

>>> import tempfile
>>> path = os.path.join(tempfile.mkdtemp(), "notes.txt")
>>> write_whole(path, b"all of it")
>>> os.listdir(os.path.dirname(path))         # and nothing beside it
['notes.txt']
"""

import contextlib
import errno
import os


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Replaces the file in one step: before it the old one is whole, after it the new one.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: the disk is full, the folder is read-only; the old file is still there.
    """
    path = os.path.realpath(path)  # through a link, to the file itself
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder}")
    temporary = os.path.join(folder, f".{name}.{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Puts the new name itself on the disk: until then a power cut may bring the old file back."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        # Windows opens no folder, some network file systems sync none, and a folder may be
        # writable but not readable: the file is whole all the same, only maybe not the new one.
        if error.errno not in (errno.EACCES, errno.EINVAL, errno.ENOTSUP):
            raise
