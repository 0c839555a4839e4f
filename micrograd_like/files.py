"""A file is written whole or not at all, and read only if it is one, whatever is in it.

>>> import tempfile
>>> path = os.path.join(tempfile.mkdtemp(), "notes.txt")
>>> write_whole(path, b"all of it")
>>> os.listdir(os.path.dirname(path))         # and nothing beside it
['notes.txt']
>>> read_whole(path, 100)
b'all of it'
"""

import contextlib
import errno
import os
import stat
from typing import TypeAlias

AnyPath: TypeAlias = str | os.PathLike[str]

_NO_FILES = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


def write_whole(path: AnyPath, data: bytes) -> None:
    """Replaces the file in one step: before it the old one is whole, after it the new one.

    Permissions, owner and group stay; through a symbolic link the file itself is replaced. Another
    hard link keeps the old one.

    Raises:
        FileNotFoundError: the folder does not exist.
        PermissionError: the file is read-only, or would not keep its owner.
        OSError: what is there is no file; the disk is full, the folder is read-only; whatever was
            there still is.
    """
    path = os.path.realpath(os.fsdecode(path))  # through a link, to the file itself
    folder, name = os.path.split(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder}")
    old = _existing(path)
    temporary = os.path.join(folder, f".{name[:50]}.{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb", opener=_private if old else None) as file:
            if old:
                _keep(file.fileno(), old)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno:
            error.filename = path  # what was asked for
        raise
    _sync_folder(folder)


def read_whole(path: AnyPath, most: int) -> bytes:
    """The bytes of a file that has at most so many.

    Raises:
        ValueError: it has more.
        OSError: it is no file, or cannot be read.
    """
    nonblocking = getattr(os, "O_NONBLOCK", 0)  # nobody may ever write into a pipe
    path = os.fspath(path)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | nonblocking)) as file:
        _check_file(path, os.fstat(file.fileno()))
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most} bytes")
    return data


def _check_file(path: AnyPath, found: os.stat_result) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        what = f"is {_NO_FILES.get(kind, 'something else')}: a file is expected"
        code = errno.EISDIR if kind == stat.S_IFDIR else errno.EINVAL
        raise OSError(code, what, os.fspath(path))


def _existing(path: str) -> os.stat_result | None:
    """What is known of the file that is to be replaced; None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    _check_file(path, found)
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "is read-only", path)
    return found


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _keep(descriptor: int, old: os.stat_result) -> None:
    """Gives a new file the owner, the group and the permissions of the old one."""
    if not hasattr(os, "fchown"):  # Windows
        return
    new, mode = os.fstat(descriptor), stat.S_IMODE(old.st_mode)
    try:
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    except PermissionError:
        if new.st_uid != old.st_uid:
            raise
        mode &= ~0o070  # a group that we are not in: the one that it has now gets nothing
    os.fchmod(descriptor, mode)


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
