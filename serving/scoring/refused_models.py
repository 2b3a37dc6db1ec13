"""Which models were refused, kept on disk: a version that ended its process is not tried again at every look and restart."""

import fcntl
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from features.errors import BundleError
from models.bundle import FORMAT
from models.bundle_files import parse_object
from models.data_protection.private_file import replace_private_file

__all__ = ["MOST", "RefusedModel", "RefusedModels", "reader"]

MOST = 100
"""Refusals that are kept, the newest."""
MOST_BYTES = 2**20

_log = logging.getLogger("bentoml.lead_qualification.champion")


@dataclass(frozen=True)
class RefusedModel:
    """A refusal.

    Attributes
    ----------
    sha256 : str
        Of the bundle, as `models.bundle.bundle_hash` gives it.
    name, version : str
        What it was registered as when it was refused.
    reason : str
        Why.
    at : str
        When, ISO 8601.
    reader : str
        Which service refused it, as `reader` names this one: another one may be able to read it, and checks it itself.
    """

    sha256: str
    name: str
    version: str
    reason: str
    at: str
    reader: str


def reader() -> str:
    """Name what decides whether this service can read a bundle: the bundle format and LightGBM's version."""
    return f"format {FORMAT}, lightgbm {version('lightgbm')}"


class RefusedModels:
    """The file of refusals; read anew each time, so that clearing it is seen at once.

    Parameters
    ----------
    path : Path
        A damaged file is logged, and counts as empty. What can't be written is remembered by this object alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unwritten: list[RefusedModel] = []
        self._told = ""

    def read(self) -> list[RefusedModel]:
        """List the refusals, the oldest first."""
        return [*self._read(), *self._unwritten]

    def find(self, name: str, version: str, sha256: str | None) -> RefusedModel | None:
        """Find this service's refusal of a bundle: by its hash, or where that is not known by name and version."""
        own = reader()
        for refusal in reversed(self.read()):
            if refusal.reader != own:
                continue
            if refusal.sha256 == sha256 or (sha256 is None and (refusal.name, refusal.version) == (name, version)):
                return refusal
        return None

    def add(self, refused: RefusedModel) -> None:
        """Remember a refusal."""
        try:
            with self._changing() as refusals:
                refusals[:] = [*(item for item in refusals if item.sha256 != refused.sha256), refused][-MOST:]
        except OSError as error:
            self._unwritten = [*(item for item in self._unwritten if item.sha256 != refused.sha256), refused][-MOST:]
            _log.warning("%s can't be written (%s); a restart will check the refused model again.", self.path, error)

    def clear(self, what: str | None) -> list[RefusedModel]:
        """Forget refusals.

        Parameters
        ----------
        what : str or None
            A version, or the beginning of a hash (at least 6 characters); None: all.

        Returns
        -------
        list of RefusedModel
            Those that were forgotten.

        Raises
        ------
        OSError
            The file can't be written.
        """

        def is_meant(item: RefusedModel) -> bool:
            return what is None or item.version == what or (len(what) >= 6 and item.sha256.startswith(what))

        with self._changing() as refusals:
            gone = [item for item in refusals if is_meant(item)]
            refusals[:] = [item for item in refusals if not is_meant(item)]
        return gone

    def _read(self) -> list[RefusedModel]:
        try:
            with self.path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            return self._tell(str(error))
        try:
            if len(content) > MOST_BYTES:
                return self._tell(f"it is larger than {MOST_BYTES:,} bytes")
            stored = parse_object(content.decode("utf-8"), self.path.name)["refused"]
            refusals = [
                RefusedModel(**{field.name: str(item[field.name]) for field in fields(RefusedModel)}) for item in stored
            ]
        except (BundleError, UnicodeDecodeError, LookupError, TypeError) as error:
            return self._tell(f"{type(error).__name__}: {str(error)[:200]}")
        self._told = ""
        return refusals[-MOST:]

    def _tell(self, problem: str) -> list[RefusedModel]:
        if problem != self._told:
            self._told = problem
            _log.warning(
                "%s can't be read (%s); no model counts as refused, and each is checked again. Delete the file.",
                self.path,
                problem,
            )
        return []

    @contextmanager
    def _changing(self) -> Iterator[list[RefusedModel]]:
        """Give the list, and write what it is at the end; one process at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refusals = self._read()
            yield refusals
            text = json.dumps({"refused": [asdict(item) for item in refusals]}, indent=1, ensure_ascii=False) + "\n"
            replace_private_file(self.path, text)
