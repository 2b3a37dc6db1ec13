"""The scorers of one worker, one per model, and which of them answers a request."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from models.answers.requests.fields import shown
from models.data_protection.redactor import Redactor, redactor_of
from serving.contract.errors import RequestError
from serving.scoring.registry_watch import ChampionNotice, CurrentScorer
from serving.scoring.scorer import Scorer

__all__ = ["Allowed", "ServedScorers"]

Allowed = Sequence[str] | None
"""The models that a caller may use; None: all."""


class ServedScorers:
    """The models of this service as they are at the moment.

    Parameters
    ----------
    current : mapping of str to CurrentScorer
        By the name of the model; the first is the one that a request without a model means.
    root : Path or None
        The folder whose keys make pseudonyms of direct identifiers; None: they are made without a key.
    """

    def __init__(self, current: Mapping[str, CurrentScorer], root: Path | None = None) -> None:
        self.current, self._root = current, root
        self.names = tuple(current)
        self._redactor: tuple[frozenset[str], Callable[[], Redactor]] | None = None

    def redactor(self) -> Redactor:
        """Give what replaces direct identifiers in what is stored: all that any of the models names, as all read it."""
        names = frozenset(name for scorer in self.now() for name in scorer.bundle.identifiers)
        if self._redactor is None or self._redactor[0] != names:
            keyless = Redactor(None, names)
            self._redactor = names, (lambda: keyless) if self._root is None else redactor_of(self._root, names)
        return self._redactor[1]()

    def now(self) -> list[Scorer]:
        """Give the scorers of all models that can be served."""
        return [scorer for item in self.current.values() if (scorer := item.scorer) is not None]

    def find(self, name: str) -> Scorer | None:
        """Give the scorer of a model; None: it can't be served, and the log says why."""
        return self.current[name].scorer

    def notice(self, name: str) -> ChampionNotice:
        """Give what the service's first process said last of a model's champion and registry."""
        return self.current[name].newest

    def choose(self, name: str | None, allowed: Allowed = None) -> Scorer:
        """Give the scorer that is asked for.

        Parameters
        ----------
        name : str or None
            As the caller sent it; None: the first model.
        allowed : sequence of str or None
            The models that the caller may use; None: all.

        Raises
        ------
        RequestError
            422 for a model that is not served here, 403 for one that the caller may not use, 503 for one without a bundle that
            can be served.
        """
        wanted = self.names[0] if name is None else name
        usable = ", ".join(self.names if allowed is None else [item for item in self.names if item in allowed])
        if wanted not in self.current:
            message = f"model is {shown(wanted)}, which is not served here; there are: {usable or 'none for this key'}."
            raise RequestError(422, "unknown_model", message, "model", f"Send one of: {usable}." if usable else None)
        if allowed is not None and wanted not in allowed:
            said = f"model is {wanted!r}" if name is not None else f"without model, {wanted!r} answers"
            message = f"{said}, and the key may use {', '.join(allowed)}."
            hint = f"Send model: {usable}." if usable else "Ask the operator: none of the key's models is served here."
            raise RequestError(403, "model_not_allowed", message, "model", hint)
        scorer = self.current[wanted].scorer
        if scorer is None:
            message = f"the model {wanted!r} can't be served at the moment; the service's log says why."
            raise RequestError(503, "model_unavailable", message, "model", "Try again later, or tell the operator.")
        return scorer
