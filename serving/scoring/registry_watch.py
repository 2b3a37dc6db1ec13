"""Following the champion: one thread beside the workers asks the registry, each worker loads what it is told of.

The process that starts the workers looks at the alias, fetches, lets a child process check, and writes a notice; the workers
look at that file, load the bundle beside their requests, and swap it in between two of them. So only one process knows MLflow,
and a bundle that can't be served reaches neither it nor a worker.
"""

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from features.errors import BundleError, LeadQualificationError
from serving.scoring.champion import keep, take
from serving.scoring.model_check import ModelRefusedError, check_model
from serving.scoring.refused_models import RefusedModels
from serving.scoring.registry import Champion, Registered, RegistryError, champion_version
from serving.scoring.scorer import Scorer

__all__ = ["OUTCOMES", "Current", "Follower", "Notice", "reload_seconds"]

RELOAD_SECONDS = "LEAD_RELOAD_SECONDS"
DEFAULT_SECONDS = 10.0
CHECK_SECONDS = 0.5
"""How often a worker looks at the notice, a file on its own machine."""

LONGEST_PAUSE = 63
"""Looks to let pass before a version is tried again whose check came to no end; they double from none."""

KEPT = 3
"""Fetched versions that stay on disk: the current one, the one before, and one that a worker may still be loading."""

OUTCOMES = ("unchanged", "loaded", "refused", "unreachable")
"""What can come of a look at the registry."""

_log = logging.getLogger("bentoml.lead_qualification.champion")


@dataclass(frozen=True)
class Notice:
    """What the workers are told: the champion, and how looking for it went.

    Attributes
    ----------
    champion : Champion
        What to serve.
    looks : mapping of str to int
        How often the registry was looked at, by what came of it, one of `OUTCOMES`; empty before the first look.
    reached_at : float
        When it last answered, in seconds since 1970; 0: never.
    """

    champion: Champion
    looks: Mapping[str, int] = field(default_factory=dict)
    reached_at: float = 0.0

    def write(self, path: Path) -> None:
        """Replace the file at once: nobody reads half a notice."""
        content = {
            "folder": str(self.champion.folder),
            "name": self.champion.name,
            "version": self.champion.version,
            "looks": dict(self.looks),
            "reached_at": self.reached_at,
        }
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Notice":
        """Read what was written last."""
        content = json.loads(path.read_text(encoding="utf-8"))
        champion = Champion(Path(content["folder"]), content["name"], content["version"])
        return cls(champion, content["looks"], content["reached_at"])


class Follower:
    """Looks at the alias and tells the workers.

    Parameters
    ----------
    address : str
        The registry.
    place : Path
        Folder of this service alone, for what is fetched.
    notice : Path
        The file that the workers look at.
    champion : Champion
        What is served now.
    last_good : Path
        Where a copy of what was fetched is kept for a start without the registry.
    refused : RefusedModels
        What was refused, and is not looked at again.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        address: str,
        place: Path,
        notice: Path,
        champion: Champion,
        last_good: Path,
        refused: RefusedModels,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.address, self.place, self.notice, self.last_good, self.clock = address, place, notice, last_good, clock
        self.refused = refused
        self.champion = champion
        self.looks = dict.fromkeys(OUTCOMES, 0)
        self.reached_at = 0.0
        self._said = ""
        self._failing = ""
        self._failures = self._pause = 0

    def look(self) -> str:
        """Look once; return what came of it, one of the keys of `Notice.looks`.

        Whatever goes wrong, the version served stays, and the log says so once, not at every look.
        """
        try:
            registered = champion_version(self.address, self.champion.name)
            self.reached_at = self.clock()
            outcome = "unchanged" if registered.version == self.champion.version else self._take(registered)
        except RegistryError as error:
            outcome = self._say("unreachable", error)
        except (BundleError, OSError) as error:
            outcome = self._say("refused", error)
        if outcome in ("unchanged", "loaded"):
            self._said = self._failing = ""
        self.looks[outcome] += 1
        Notice(self.champion, dict(self.looks), self.reached_at).write(self.notice)
        return outcome

    def _take(self, registered: Registered) -> str:
        version = registered.version
        if version != self._failing:
            self._failing, self._failures, self._pause = version, 0, 0
        if self._pause:
            self._pause -= 1
            return "refused"
        try:
            champion = take(self.address, registered, self.place, self.refused, check_model)
        except (ModelRefusedError, RegistryError):
            raise
        except (BundleError, OSError):
            # it may be mended, or the machine may be busy; fetching and checking it at each look would keep it so
            self._pause = min(2**self._failures - 1, LONGEST_PAUSE)
            self._failures += 1
            raise
        before, self.champion = self.champion, champion
        _log.info("%s: version %s takes the place of version %s", champion.name, version, before.version)
        keep(champion, self.last_good)
        fetched = sorted(
            (path for path in self.place.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
        )
        for old in fetched[:-KEPT]:
            if old not in (before.folder, champion.folder):
                shutil.rmtree(old, ignore_errors=True)
        return "loaded"

    def _say(self, outcome: str, error: Exception) -> str:
        if str(error) != self._said:
            self._said = str(error)
            _log.warning("%s; version %s stays.", error, self.champion.version)
        return outcome

    def start(self, seconds: float) -> None:
        """Look again and again, in a thread that ends with the process."""

        def run() -> None:
            while True:
                time.sleep(seconds)
                try:
                    self.look()
                except Exception:  # noqa: BLE001 - a thread that ended would leave the old champion for good
                    _log.exception("looking for the champion failed")

        threading.Thread(target=run, name="champion", daemon=True).start()


class Current:
    """The scorer of one worker, replaced when the notice names another version.

    Parameters
    ----------
    notice : Path
        What the service's first process writes.
    loaded : callable
        Called with each scorer that is about to serve.
    refused : callable
        Called when one could not be loaded.
    """

    def __init__(self, notice: Path, loaded: Callable[[Scorer], None], refused: Callable[[], None]) -> None:
        self.notice, self._loaded, self._refused = notice, loaded, refused
        self._champion: Champion | None = None
        self._failed: Champion | None = None
        self._stop = threading.Event()
        self.known = Notice.read(notice)
        self.scorer = self._load(self.known.champion)

    def _load(self, champion: Champion) -> Scorer:
        scorer = Scorer.load(champion.folder, champion.name, champion.version)
        scorer.warm_up()
        self._champion = champion
        self._loaded(scorer)
        return scorer

    def refresh(self) -> None:
        """Look at the notice, and swap where it names another version; a request keeps the scorer that it began with."""
        self.known = Notice.read(self.notice)
        champion = self.known.champion
        if champion in (self._champion, self._failed):
            return
        try:
            self.scorer = self._load(champion)
            self._failed = None
            _log.info("serving %s version %s", champion.name, champion.version)
        except Exception as error:  # noqa: BLE001 - whatever it is, the old scorer goes on answering
            self._failed = champion
            self._refused()
            reason = str(error) if isinstance(error, LeadQualificationError) else type(error).__name__
            _log.warning(
                "version %s can't be loaded: %s; version %s stays.", champion.version, reason, self.scorer.version
            )

    def start(self, seen: Callable[[Notice], None]) -> None:
        """Look again and again, in a thread, until `stop`; `seen` is told at once what is known already."""
        seen(self.known)

        def run() -> None:
            while not self._stop.wait(CHECK_SECONDS):
                try:
                    self.refresh()
                except (OSError, ValueError, LookupError) as error:
                    _log.warning("the notice of the champion can't be read (%s)", error)
                seen(self.known)

        threading.Thread(target=run, name="champion", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()


def reload_seconds(environ: Mapping[str, str]) -> float:
    """Read ``LEAD_RELOAD_SECONDS``: how often to look at the registry.

    Raises
    ------
    BundleError
        It is no number from 0.1 to 86,400.
    """
    text = environ.get(RELOAD_SECONDS) or str(DEFAULT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400.0:
        raise BundleError(f"{RELOAD_SECONDS} is {text!r}; a number from 0.1 to 86400 is expected. Correct or unset it.")
    return seconds
