"""How kernels are compiled: without the interpreter's lock, without reordered arithmetic, and kept on disk.

Numba's cache looks only at the file of the function that it keeps, not at the files of what that function calls. So the name of
a kept kernel carries a digest of all sources that it may be made of, and a change in any of them compiles it anew.
"""

import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any

import numba

from features import timeline

__all__ = ["before", "compiled", "compiled_making_arrays", "entry", "window_start"]


def _digest() -> str:
    package = resources.files("features")
    sources = [package / "timeline.py", *sorted((package / "kernels").iterdir(), key=lambda path: path.name)]
    texts = [source.read_bytes() for source in sources if source.name.endswith(".py")]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]


_DIGEST = _digest()

compiled = numba.njit(nogil=True, fastmath=False, _nrt=False)
"""Decorator of what only other kernels call.

It may make no arrays: whoever calls holds them. So they need not be counted each time that one is taken out of a tuple, which
took almost half of the time, and let threads wait for one another.
"""

compiled_making_arrays = numba.njit(nogil=True, fastmath=False)
"""Decorator of what other kernels call that does make arrays."""

# the rule has one definition; here it is compiled
before = numba.njit(inline="always")(timeline.before)
window_start = numba.njit(inline="always")(timeline.window_start)


def entry(function: Callable[..., Any]) -> Any:
    """Compile a kernel that Python calls; its machine code is kept on disk."""
    function.__qualname__ += f"_{_DIGEST}"  # names the file of the cache
    return numba.njit(cache=True, nogil=True, fastmath=False)(function)
