"""Where compiled kernels are kept: one folder per user, found again from every checkout and workspace.

``<base>/lead-qualification-kernels/<key>/<kernel>/`` holds numba's index and machine code of one kernel, and a manifest
with their digests and signatures. The base is ``NUMBA_CACHE_DIR``, else ``XDG_CACHE_HOME``, else ``~/.cache``. The key
is a digest of all that machine code depends on: versions, processor, numba's settings, and the kernels' sources.

Machine code from a folder that somebody else may write would be theirs to choose. So the folder must belong to this user, or to
root, and only its owner may write it; and nothing is loaded whose digest is not the manifest's.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata, resources
from pathlib import Path

import llvmlite.binding

from features.kernels.sections import codes_and_kernels

__all__ = ["CacheError", "cache_folder", "drop", "environment_key", "kept_signatures", "locked", "record"]

MOST_KEYS = 8
"""So many keys are kept: those used last."""
_MANIFEST = "manifest.json"
_HARMLESS = {"NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES", "NUMBA_NUM_THREADS", "NUMBA_DEBUG_CACHE"}
_SOURCES = ("timeline.py",)  # what kernels import from outside their own folder, but for the operations' codes


class CacheError(Exception):
    """Compiled kernels can't be kept; the message says why."""


def environment_key(source: bytes) -> str:
    """Digest all that the machine code of a kernel depends on: versions, processor, settings, and sources.

    Parameters
    ----------
    source : bytes
        The kernel's own module.
    """
    features = resources.files("features")
    kernels = sorted((features / "kernels").iterdir(), key=lambda path: path.name)
    files = [*(features / name for name in _SOURCES), *(path for path in kernels if path.name.endswith(".py"))]
    settings = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_") and k not in _HARMLESS)
    facts = [
        *(metadata.version(package) for package in ("numba", "llvmlite", "numpy")),
        sys.version,
        platform.machine(),
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
        *settings,
        codes_and_kernels(),
    ]
    parts = [*(fact.encode() for fact in facts), *(file.read_bytes() for file in files), source]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in parts)).hexdigest()[:16]


def cache_folder(key: str) -> Path:
    """Find, or make, the folder of a key.

    Raises
    ------
    CacheError
        It can't be made, or somebody else may write it.
    """
    try:
        base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        root = Path(base).absolute() / "lead-qualification-kernels"
        for folder in (root, root / key):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700, parents=True)
            _check_owner(folder)
        with contextlib.suppress(OSError):  # only says when it was used last
            os.utime(root / key)
    except (OSError, RuntimeError) as error:
        raise CacheError(
            f"{getattr(error, 'strerror', None) or error}: {getattr(error, 'filename', None) or '~'}"
        ) from error
    return root / key


def _check_owner(folder: Path) -> None:
    found = folder.lstat()
    if not folder.is_dir() or folder.is_symlink():
        raise CacheError(f"{folder} is no folder")
    if found.st_uid not in (os.geteuid(), 0):
        raise CacheError(f"{folder} belongs to user {found.st_uid}, and this process runs as {os.geteuid()}")
    if found.st_mode & 0o022:
        raise CacheError(f"others may write {folder} (chmod go-w makes it safe)")


def kept_signatures(folder: Path) -> list[str]:
    """List the signatures whose machine code a kernel's folder holds; none unless every byte is as it was written."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        return list(manifest["signatures"]) if manifest["files"] == _digests(folder) else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def record(folder: Path, signatures: list[str]) -> None:
    """Write the manifest of what a kernel's folder holds, and drop the keys that were not used for longest."""
    draft = folder / f"{_MANIFEST}.{os.getpid()}"
    draft.write_text(json.dumps({"signatures": signatures, "files": _digests(folder)}), encoding="utf-8")
    draft.replace(folder / _MANIFEST)
    keys = sorted(folder.parent.parent.iterdir(), key=lambda key: key.stat().st_mtime, reverse=True)
    for key in keys[MOST_KEYS:]:
        shutil.rmtree(key, ignore_errors=True)


def drop(folder: Path) -> None:
    """Remove what a kernel's folder holds; what is there is damaged or half written."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _digests(folder: Path) -> dict[str, str]:
    kept = [path for path in sorted(folder.iterdir()) if path.suffix in (".nbi", ".nbc")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


@contextlib.contextmanager
def locked(file: Path, seconds: float, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock among processes; it falls to the next one when its holder ends, however it ends.

    Parameters
    ----------
    file : Path
        Made where it is not there, and never removed.
    seconds : float
        How long to wait at most.
    waiting : callable
        Called once, if it has to wait.

    Raises
    ------
    CacheError
        Another process holds it for too long, or it can't be had.
    """
    deadline = None
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CacheError(f"{error.strerror}: {file}") from error
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if deadline is None:
                    deadline = time.monotonic() + seconds
                    waiting()
                if time.monotonic() > deadline:
                    raise CacheError(f"another process has held this for more than {seconds:.0f} s: {file}") from None
                time.sleep(0.05)
            except OSError as error:  # a file system without locks
                raise CacheError(f"{error.strerror}: {file}") from error
        yield
    finally:
        os.close(handle)
