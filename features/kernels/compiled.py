"""How kernels are compiled: without the interpreter's lock, without reordered arithmetic, and once per user and machine.

The first call loads a kernel's machine code from `features.kernels.cache`. Where it is not there, one process compiles it and
the others wait for that. numba finds the folder by its own setting for that, `CACHE_LOCATOR_CLASSES`.
"""

import contextlib
import inspect
import logging
import threading
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numba

from features import timeline
from features.kernels.cache import CacheError, cache_folder, drop, environment_key, kept_signatures, locked, record

__all__ = ["Kernel", "Locator", "before", "compiled", "entry", "pasted", "window_start"]

_log = logging.getLogger("features.kernels")
_INNER: dict[str, Any] = {"nogil": True, "fastmath": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

compiled = numba.njit(_nrt=False, **_INNER)
"""Decorator of what only other kernels call.

It may make no arrays: whoever calls holds them. So they need not be counted each time that one is taken out of a tuple, which
took almost half of the time, and let threads wait for one another.
"""

pasted = numba.njit(inline="always", _nrt=False, **_INNER)
"""Decorator of what one other kernel calls, at one place: its body is pasted there before anything is compiled.

Each call of a function hands over dozens of arrays one by one, and each level of calls is optimised again with all below it.
"""

# the rule has one definition; here it is compiled
before = numba.njit(inline="always")(timeline.before)
window_start = numba.njit(inline="always")(timeline.window_start)

LONGEST_WAIT = 600.0
"""Seconds that a process waits for another one that compiles; after that it compiles for itself."""
_SWITCHED_OFF = "compilation disabled"  # numba says it so
_WORTH_A_LINE = 2  # seconds of compiling that nobody wonders about

_NUMBAS_LOCATORS = (
    "UserProvidedCacheLocator,InTreeCacheLocator,UserWideCacheLocator,IPythonCacheLocator,ZipCacheLocator"
)

# Kernels are made ready one at a time: numba's setting is the process's, and compiling holds a lock of numba's anyway.
_making_ready = threading.Lock()


class Locator:
    """Tells numba where a kernel's machine code is kept; numba asks all its locators in turn, and this one first."""

    kept: dict[Callable[..., Any], Path] = {}  # noqa: RUF012 - numba asks the class

    @classmethod
    def from_function(cls, function: Callable[..., Any], _file: str) -> "Locator | None":
        """Take a function whose folder is known, and leave others to numba's own locators."""
        folder = cls.kept.get(function)
        return None if folder is None else cls(folder)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_cache_path(self) -> str:
        """Give the folder."""
        return str(self._folder)

    def ensure_cache_path(self) -> None:
        """Do nothing: the folder is there."""

    def get_source_stamp(self) -> str:
        """Give what must be equal for machine code to be current: the folder's key says it all."""
        return self._folder.parent.name

    def get_disambiguator(self) -> str:
        """Tell functions of one name apart: the folder does."""
        return "kernel"


class Kernel:
    """A kernel that Python calls. The first call of each signature loads its machine code, or compiles it.

    Parameters
    ----------
    function : callable
        What to compile.
    seconds : int
        About how long that takes, for the line that says so.
    """

    def __init__(self, function: Callable[..., Any], seconds: int) -> None:
        self.__doc__, self.__name__, self.__wrapped__ = function.__doc__, function.__name__, function
        self._function, self._seconds = function, seconds
        self._call: Callable[..., Any] = self._first_call

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel."""
        return self._call(*arguments)

    @property
    def signatures(self) -> list[str]:
        """What it is compiled for so far."""
        return [str(signature) for signature in self._dispatcher.signatures]

    @cached_property
    def _folder(self) -> Path | None:
        """Where its machine code is kept; None: nowhere."""
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        try:
            folder = cache_folder(environment_key(Path(inspect.getfile(self._function)).read_bytes())) / name
        except CacheError as error:
            _say_not_kept(str(error))
            return None
        return folder

    @cached_property
    def _dispatcher(self) -> Any:
        return self._made(self._folder)

    def _made(self, folder: Path | None) -> Any:
        if folder is None:
            return numba.njit(nogil=True, fastmath=False)(self._function)
        Locator.kept[self._function] = folder
        with _asked_first(f"{Locator.__module__}.{Locator.__qualname__}"):
            return numba.njit(nogil=True, fastmath=False, cache=True)(self._function)

    def _first_call(self, *arguments: Any) -> Any:
        if numba.config.DISABLE_JIT:
            return self._function(*arguments)
        types = tuple(numba.typeof(argument) for argument in arguments)
        with _making_ready:
            if types not in self._dispatcher.signatures:
                self._make_ready(types)
        self._call = self._later_call
        return self._dispatcher(*arguments)

    def _later_call(self, *arguments: Any) -> Any:
        try:
            return self._dispatcher(*arguments)
        except TypeError:
            # arrays of another layout: numba compiles nothing by itself here
            if tuple(numba.typeof(argument) for argument in arguments) in self._dispatcher.signatures:
                raise
        except RuntimeError as error:
            # numba began to compile while another thread made this layout ready, and found that done and switched off
            if str(error) != _SWITCHED_OFF:
                raise
        return self._first_call(*arguments)

    def _make_ready(self, types: tuple[Any, ...]) -> None:
        """Load or compile a signature, and let numba compile no other one by itself."""
        self._dispatcher.disable_compile(False)
        try:
            self._load_or_compile(types)
        finally:
            self._dispatcher.disable_compile()

    def _load_or_compile(self, types: tuple[Any, ...]) -> None:
        folder, signature = self._folder, str(types)
        if folder is None:
            self._compile(types, "for this process alone")
            return
        if signature in kept_signatures(folder):
            self._dispatcher.compile(types)
            return
        try:
            with locked(folder.with_name(folder.name + ".lock"), LONGEST_WAIT, self._say_waiting):
                kept = kept_signatures(folder)
                if signature in kept:
                    self._dispatcher.compile(types)
                    return
                if not kept:
                    drop(folder)
                self._compile(types, "once on this machine")
                record(folder, [*kept, signature])
        except (CacheError, OSError) as error:
            _say_not_kept(str(error))
            if types not in self._dispatcher.signatures:
                self._dispatcher = self._made(None)
                self._compile(types, "for this process alone")

    def _compile(self, types: tuple[Any, ...], how: str) -> None:
        if self._seconds >= _WORTH_A_LINE:
            _log.warning("compiling the feature engine (%s), %s, about %d s", self.__name__, how, self._seconds)
        self._dispatcher.compile(types)

    def _say_waiting(self) -> None:
        _log.warning("waiting for another process that compiles the feature engine (%s)", self.__name__)


@contextlib.contextmanager
def _asked_first(locator: str) -> Iterator[None]:
    """Let numba ask a locator before its own ones, for functions that are decorated meanwhile."""
    former = numba.config.CACHE_LOCATOR_CLASSES
    numba.config.CACHE_LOCATOR_CLASSES = f"{locator},{former or _NUMBAS_LOCATORS}"
    try:
        yield
    finally:
        numba.config.CACHE_LOCATOR_CLASSES = former


@lru_cache(maxsize=1)
def _say_not_kept(why: str) -> None:
    _log.warning(
        "compiled kernels can't be kept, and each process compiles its own (%s). Set NUMBA_CACHE_DIR to a folder that this "
        "user, and nobody else, may write.",
        why,
    )


def entry(seconds: int) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a kernel that Python calls; `seconds` is about how long it takes to compile."""
    return lambda function: Kernel(function, seconds)
