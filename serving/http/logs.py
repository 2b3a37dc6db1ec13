"""The log of all processes of the service: one JSON object per line, bounded per minute, whoever writes.

Every logger, our own and those of BentoML, uvicorn, circus and MLflow, writes through one handler. Lines from one place of the
code, and access lines of one kind of error, are written one by one up to `MOST` in a minute; the rest is summed up in one line.
"""

import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any, NamedTuple

from features.errors import LeadQualificationError

__all__ = ["ACCESS_LOG", "MOST", "BoundedHandler", "JsonFormatter", "configure", "write_sums"]

ACCESS_LOG = "lead_qualification.access"
MOST = 30
"""Lines of one kind in a minute."""
MINUTE = 60.0

# Their levels are those of BentoML's own settings; uvicorn's access log holds addresses of clients and paths
_LEVELS = {
    "": logging.WARNING,
    "bentoml": logging.INFO,
    ACCESS_LOG: logging.INFO,
    "uvicorn.error": logging.WARNING,
    "uvicorn.access": logging.CRITICAL + 1,
    "circus": logging.WARNING,
}


class JsonFormatter(logging.Formatter):
    """One JSON object, in ASCII, so that no character of a message can begin another line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write moment (UTC), level, logger and message, the record's own fields, and an exception with its traceback."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that don't fit a message are no reason to lose it
            message = str(record.msg)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "at": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": message,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _Sum(NamedTuple):
    """One kind of line in the current minute: the first of them, how often, and where."""

    first: logging.LogRecord
    counted: Counter[str]


class BoundedHandler(logging.StreamHandler[Any]):
    """Writes at most `MOST` lines of one kind in a minute, and then how many there were beyond.

    A record's kind is its attribute ``kind``, else the place in the code that wrote it, so there are few; with the kind None
    it is always written. Its attribute ``where`` is what the sum counts by.

    Parameters
    ----------
    stream : file
        Where to.
    clock : callable
        Seconds of a clock that never goes back.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter())
        self.clock = clock
        self._until = clock() + MINUTE
        self._seen: dict[Any, _Sum] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it; the caller holds the handler's lock."""
        kind = getattr(record, "kind", (record.name, record.pathname, record.lineno))
        if kind is None:
            super().emit(record)
            return
        if self.clock() >= self._until:
            self._begin()
        seen = self._seen.setdefault(kind, _Sum(record, Counter()))
        if seen.counted.total() < MOST:
            super().emit(record)
        elif self._timer is None:
            self._timer = threading.Timer(max(0.0, self._until - self.clock()), self.write_sums)
            self._timer.daemon = True
            self._timer.start()
        seen.counted[getattr(record, "where", "")] += 1

    def write_sums(self) -> None:
        """Write the sums of what was not written one by one, and begin to count anew."""
        with self.lock or threading.Lock():
            self._begin()

    def _begin(self) -> None:
        seen, self._seen, self._until = self._seen, {}, self.clock() + MINUTE
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for first, count in seen.values():
            if count.total() > MOST:
                super().emit(_summed(first, count))


def _summed(first: logging.LogRecord, count: Counter[str]) -> logging.LogRecord:
    left_out = count.total() - MOST
    record = logging.LogRecord(
        first.name, first.levelno, first.pathname, first.lineno, "%d more like this were not written one by one: %s",
        (left_out, first.msg), None,
    )  # fmt: skip
    first_fields = getattr(first, "fields", {})
    fields = {name: first_fields[name] for name in ("status", "code") if name in first_fields}
    record.fields = {**fields, "left_out": left_out, **({"paths": dict(count)} if fields else {})}
    return record


_handlers: list[BoundedHandler] = []


def configure(access_log: str | None = None) -> None:
    """Let all loggers of this process write JSON to standard output; may be called again when others have changed it.

    Parameters
    ----------
    access_log : str, optional
        A file for the access log.

    Raises
    ------
    LeadQualificationError
        The file can't be written.
    """
    if not _handlers:
        _handlers.append(BoundedHandler(sys.stdout))
        if access_log:
            _handlers.append(BoundedHandler(_opened(access_log)))
    for name in list(logging.Logger.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate, logger.disabled = [], True, False
    logging.root.handlers[:] = [_handlers[0]]
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    if len(_handlers) > 1:
        access = logging.getLogger(ACCESS_LOG)
        access.handlers[:], access.propagate = [_handlers[1]], False
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _opened(path: str) -> IO[str]:
    try:
        return open(path, "a", encoding="utf-8")
    except OSError as error:
        raise LeadQualificationError(
            f"LEAD_ACCESS_LOG is {path!r}, which can't be written ({error.strerror}). Name another file, or unset it."
        ) from error


def write_sums() -> None:
    """Write the sums that this process has not written yet, as before its end."""
    for handler in _handlers:
        handler.write_sums()


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("bentoml.lead_qualification").critical("the process fails", exc_info=(kind, error, trace))


def _uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    error = failed.exc_value or failed.exc_type()
    info = (failed.exc_type, error, failed.exc_traceback)
    logging.getLogger("bentoml.lead_qualification").critical("a thread fails", exc_info=info)
