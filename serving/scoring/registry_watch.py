"""The registry watch of a model: a champion that was promoted or rolled back is taken over while the service runs.

The process that starts the workers checks the alias, fetches the bundle, lets a child process check it, and writes a notice.
The workers read that file, load the bundle while they go on answering, and swap it in between two requests. So only one process
imports MLflow, and a bundle that can't be served is loaded neither there nor in a worker.
"""

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features.errors import BundleError, LeadQualificationError
from serving.scoring.champion import fetch_checked, save_last_good
from serving.scoring.model_check import ModelRefusedError, check_model
from serving.scoring.refused_models import RefusedModels
from serving.scoring.registry import Champion, Registered, RegistryError, champion_version, describe_versions
from serving.scoring.scorer import Scorer

__all__ = ["REGISTRY_CHECK_RESULTS", "ChampionNotice", "CurrentScorer", "RegistryWatch", "reload_seconds"]

RELOAD_SECONDS = "LEAD_RELOAD_SECONDS"
DEFAULT_SECONDS = 10.0
CHECK_SECONDS = 0.5
"""How often a worker reads the notice, a file on its own machine."""

LONGEST_PAUSE = 63
"""The most checks to skip before a version is tried again whose test did not finish; the number doubles from none."""

KEPT = 3
"""Fetched versions that stay on disk: the current one, the one before, and one that a worker may still be loading."""

REGISTRY_CHECK_RESULTS = ("unchanged", "loaded", "refused", "unreachable")
"""Results of a check of the registry."""

_log = logging.getLogger("bentoml.lead_qualification.champion")


@dataclass(frozen=True)
class ChampionNotice:
    """What the workers read: the champion, and how the checks of the registry went.

    Attributes
    ----------
    champion : Champion or None
        What to serve; None: nothing could be found or loaded, and the log says why.
    looks : mapping of str to int
        How often the registry was checked, by result, one of `REGISTRY_CHECK_RESULTS`; empty before the first check.
    reached_at : float
        When it last answered, in seconds since 1970; 0: never.
    versions : sequence of dict
        As `serving.scoring.registry.describe_versions` gives them; empty before the first check.
    """

    champion: Champion | None
    looks: Mapping[str, int] = field(default_factory=dict)
    reached_at: float = 0.0
    versions: Sequence[Mapping[str, Any]] = ()

    def write(self, path: Path) -> None:
        """Replace the file at once: nobody reads half a notice."""
        champion = self.champion
        content = {
            "champion": champion and [str(champion.folder), champion.name, champion.version],
            "looks": dict(self.looks),
            "reached_at": self.reached_at,
            "versions": list(self.versions),
        }
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "ChampionNotice":
        """Read what was written last."""
        content = json.loads(path.read_text(encoding="utf-8"))
        known = content["champion"]
        champion = None if known is None else Champion(Path(known[0]), known[1], known[2])
        return cls(champion, content["looks"], content["reached_at"], content["versions"])


class RegistryWatch:
    """Checks the registry's alias, and publishes a new champion to the workers.

    Parameters
    ----------
    address : str
        The registry.
    place : Path
        Folder of this service and model alone, for what is fetched.
    notice : Path
        The file that the workers read.
    champion : Champion or None
        What is served now; None: nothing yet.
    last_good : Path
        Where a copy of what was fetched is kept for a start without the registry.
    refused : RefusedModels
        Versions that were refused, and are not fetched again.
    name : str
        What the model is registered as.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        address: str,
        place: Path,
        notice: Path,
        champion: Champion | None,
        last_good: Path,
        refused: RefusedModels,
        name: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.address, self.place, self.notice, self.last_good, self.clock = address, place, notice, last_good, clock
        self.refused, self.name = refused, name
        self.champion = champion
        self.looks = dict.fromkeys(REGISTRY_CHECK_RESULTS, 0)
        self.reached_at = 0.0
        self.versions: Sequence[Mapping[str, Any]] = ()
        self._said = ""
        self._failing = ""
        self._failures = self._pause = 0

    def check(self) -> str:
        """Check once; return the result, one of `REGISTRY_CHECK_RESULTS`.

        Whatever goes wrong, the version served stays, and the log says so once, not at every check.
        """
        try:
            registered = champion_version(self.address, self.name)
            self.reached_at = self.clock()
            self.versions = describe_versions(self.address, self.name)
            champion = self.champion
            is_served = champion is not None and (registered.name, registered.version) == (
                champion.name,
                champion.version,
            )
            outcome = "unchanged" if is_served else self._take(registered)
        except RegistryError as error:
            outcome = self._warn_once("unreachable", error)
        except (BundleError, OSError) as error:
            outcome = self._warn_once("refused", error)
        if outcome in ("unchanged", "loaded"):
            self._said = self._failing = ""
        self.looks[outcome] += 1
        ChampionNotice(self.champion, dict(self.looks), self.reached_at, self.versions).write(self.notice)
        return outcome

    def _take(self, registered: Registered) -> str:
        version = registered.version
        if version != self._failing:
            self._failing, self._failures, self._pause = version, 0, 0
        if self._pause:
            self._pause -= 1
            return "refused"
        try:
            champion = fetch_checked(self.address, registered, self.place, self.refused, check_model)
        except (ModelRefusedError, RegistryError):
            raise
        except (BundleError, OSError):
            # it may be mended, or the machine may be busy; fetching and checking it each time would keep it so
            self._pause = min(2**self._failures - 1, LONGEST_PAUSE)
            self._failures += 1
            raise
        before, self.champion = self.champion, champion
        _log.info("%s: version %s takes the place of %s", champion.name, version, _named(before))
        save_last_good(champion, self.last_good)
        fetched = sorted(
            (path for path in self.place.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
        )
        for old in fetched[:-KEPT]:
            if old not in (before and before.folder, champion.folder):
                shutil.rmtree(old, ignore_errors=True)
        return "loaded"

    def _warn_once(self, outcome: str, error: Exception) -> str:
        if str(error) != self._said:
            self._said = str(error)
            _log.warning("%s; %s stays.", error, _named(self.champion))
        return outcome

    def start(self, seconds: float) -> None:
        """Check again and again, in a thread that ends with the process."""

        def run() -> None:
            while True:
                time.sleep(seconds)
                try:
                    self.check()
                except Exception:  # noqa: BLE001 - a thread that ended would leave the old champion for good
                    _log.exception("looking for the champion failed")

        threading.Thread(target=run, name="champion", daemon=True).start()


def _named(champion: Champion | None) -> str:
    return "no version" if champion is None else f"version {champion.version}"


class CurrentScorer:
    """The scorer of one model in one worker, replaced when the notice names another version.

    Parameters
    ----------
    served_as : str
        What the model is called here.
    notice : Path
        What the service's first process writes.
    loaded : callable
        Called with each scorer that is about to serve.
    refused : callable
        Called when one could not be loaded.

    Attributes
    ----------
    scorer : Scorer or None
        What scores at this moment; None: nothing can yet, and the log says why.
    newest : ChampionNotice
        As it was read last.
    """

    def __init__(
        self, served_as: str, notice: Path, loaded: Callable[[Scorer], None], refused: Callable[[], None]
    ) -> None:
        self.served_as, self.notice, self._loaded, self._refused = served_as, notice, loaded, refused
        self._champion: Champion | None = None
        self._failed: Champion | None = None
        self._stop, self._refreshing = threading.Event(), threading.Lock()
        self.scorer: Scorer | None = None
        self.refresh()

    def _load(self, champion: Champion) -> Scorer:
        scorer = Scorer.load(champion.folder, champion.name, champion.version, self.served_as)
        scorer.warm_up()
        self._champion = champion
        self._loaded(scorer)
        return scorer

    def refresh(self) -> None:
        """Read the notice, and swap the scorer if it names another version; a request keeps the scorer that it began with."""
        with self._refreshing:
            self._refresh()

    def _refresh(self) -> None:
        self.newest = ChampionNotice.read(self.notice)
        champion = self.newest.champion
        if champion is None or champion in (self._champion, self._failed):
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
                "%s: version %s can't be loaded: %s; %s stays.",
                champion.name,
                champion.version,
                reason,
                _named(self._champion),
            )

    def start(self, seen: Callable[[ChampionNotice], None]) -> None:
        """Refresh again and again, in a thread, until `stop`; `seen` gets each notice, the first one at once."""
        seen(self.newest)

        def run() -> None:
            while not self._stop.wait(CHECK_SECONDS):
                try:
                    self.refresh()
                except (OSError, ValueError, LookupError) as error:
                    _log.warning("the notice of the champion can't be read (%s)", error)
                seen(self.newest)

        threading.Thread(target=run, name="champion", daemon=True).start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()


def reload_seconds(environ: Mapping[str, str]) -> float:
    """Read ``LEAD_RELOAD_SECONDS``: how often to check the registry.

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
