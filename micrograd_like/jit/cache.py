"""cache: what was compiled before is found again: in this process, then on the disk.

On the disk it has a file for each program in the user's cache directory: ~/.cache/micrograd_like
(under XDG_CACHE_HOME, where that is set), ~/Library/Caches/micrograd_like on macOS,
%LOCALAPPDATA%/micrograd_like on Windows. MICROGRAD_LIKE_CACHE names another directory; "off"
means none. Whatever is wrong with the directory or with a file, nothing is raised: it is not found,
and compiled. This file knows no LLVM and no tape.

>>> recent = Recent(2)
>>> for word in ("one", "two", "three"):
...     recent.keep(digest(word.encode()), word)
>>> [recent.get(digest(word)) for word in (b"one", b"two", b"three")]
[None, 'two', 'three']
"""

import contextlib
import hashlib
import os
import stat
import sys
from typing import Any

from ..files import read_whole, write_whole

VARIABLE, OWN = "MICROGRAD_LIKE_CACHE", "micrograd_like"
ROOM = 256 * 2**20  # bytes for all files together
SEAL = 32  # bytes at the beginning of a file, which no other file has


def digest(*parts: bytes) -> bytes:
    """32 bytes that stand for these parts and for no others."""
    whole = hashlib.blake2b(digest_size=SEAL)
    for part in parts:
        whole.update(len(part).to_bytes(8, "little") + part)
    return whole.digest()


class Recent:
    """What was used last, by key. Threads and forks need no lock: each step of it is whole."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: dict[bytes, Any] = {}  # what was used last comes last

    def get(self, key: bytes) -> Any:
        """What is kept, or None."""
        found = self.kept.pop(key, None)
        if found is not None:
            self.kept[key] = found
        return found

    def keep(self, key: bytes, value: Any) -> None:
        """From now on it is found, until ``most`` others were used after it."""
        self.kept[key] = value
        for old in list(self.kept)[: -self.most]:
            self.kept.pop(old, None)


def load(key: bytes) -> bytes | None:
    """What was stored, every byte of it; or None."""
    place = _folder()
    if place is None:
        return None
    try:
        data = read_whole(_path(place, key), ROOM)
    except (OSError, ValueError):
        return None
    return data[SEAL:] if data[:SEAL] == digest(key, data[SEAL:]) else None


def store(key: bytes, data: bytes) -> None:
    """Writes it whole or not at all; the oldest files make room for it."""
    place = _folder()
    if place is None:
        return
    with contextlib.suppress(OSError):
        _make_room(place, len(data))
        write_whole(_path(place, key), digest(key, data) + data)


def _path(place: str, key: bytes) -> str:
    return os.path.join(place, key.hex())


def _folder() -> str | None:
    """Where the files are: a folder that only this user can write to, or None."""
    base = os.environ.get(VARIABLE) or os.path.join(_users_caches(), OWN)
    if base == "off":
        return None
    place = os.path.join(os.path.abspath(base), "machine_code")  # all that is in it is ours
    try:
        os.makedirs(place, 0o700, exist_ok=True)
        found = os.lstat(place)
    except (OSError, ValueError):
        return None
    mine = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    private = os.name == "nt" or not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return place if mine and private and stat.S_ISDIR(found.st_mode) else None


def _users_caches() -> str:
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches")
    given = os.environ.get("XDG_CACHE_HOME", "")
    return given if os.path.isabs(given) else os.path.join(home, ".cache")


def _make_room(place: str, size: int) -> None:
    """Removes the oldest files until one of this size may join the others."""
    with os.scandir(place) as entries:
        found = [(entry.stat(follow_symlinks=False), entry.path) for entry in entries]
    room = ROOM - size - sum(file.st_size for file, _ in found)
    for file, path in sorted(found, key=lambda pair: pair[0].st_mtime_ns):
        if room >= 0:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            room += file.st_size
