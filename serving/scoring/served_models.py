"""Which models one service serves: ``LEAD_MODELS``, or the one that the settings of a single model name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from features.errors import ParameterError
from serving.contract.model_names import DEFAULT_MODEL, MODEL_PATTERN, MOST_MODELS, is_model_name

__all__ = [
    "BUNDLE_DIR",
    "DEFAULT_REGISTERED",
    "LAST_GOOD_DIR",
    "MODELS",
    "MODEL_NAME",
    "PACKED",
    "ServedModel",
    "default_model",
    "served_models",
]

MODELS = "LEAD_MODELS"
BUNDLE_DIR = "LEAD_BUNDLE_DIR"
MODEL_NAME = "LEAD_MODEL_NAME"
DEFAULT_REGISTERED = "lead-qualification"
PACKED = Path("data", "champion")
LAST_GOOD_DIR = "LEAD_LAST_GOOD_DIR"
LAST_GOOD = Path("data", "last_champion")

_REGISTRY = "registry:"
_ALIAS = "@champion"
_HOW = f"{MODELS}=leads=registry:NAME@champion,upsell=/path/to/bundle"


@dataclass(frozen=True)
class ServedModel:
    """One model of this service: what it is called here, and where its bundle comes from.

    Attributes
    ----------
    name : str
        What requests, keys, metrics and the store call it.
    registered : str
        Its name in the registry; of a bundle without provenance also its name in answers.
    folder : Path or None
        That holds its bundle; None: the registry's champion.
    setting : str
        The environment variable that says so.
    last_good : Path
        Where a copy of its last champion is kept.
    packed : Path or None
        Holds the bundle that may be packed with the code; None: that is not this model's.
    """

    name: str
    registered: str
    folder: Path | None
    setting: str
    last_good: Path
    packed: Path | None = None


def served_models(root: Path, environ: Mapping[str, str]) -> tuple[ServedModel, ...]:
    """Read which models are served; the first is the one that a request without a model means.

    Without ``LEAD_MODELS`` that is one, `DEFAULT_MODEL`, as ``LEAD_BUNDLE_DIR`` or ``LEAD_MODEL_NAME`` say. ``LEAD_MODELS``
    holds one entry per model, separated by commas: ``name=registry:REGISTERED`` (``@champion`` may follow), ``name=FOLDER``,
    or ``leads`` alone, which means the settings of a single model.

    Parameters
    ----------
    root : Path
        The folder that holds the packages.
    environ : mapping of str to str
        The environment variables.

    Raises
    ------
    ParameterError
        ``LEAD_MODELS`` can't be understood, or contradicts another setting.

    Examples
    --------
    >>> served = served_models(Path("/code"), {"LEAD_MODELS": "leads, upsell=registry:acme-upsell@champion"})
    >>> [(model.name, model.registered) for model in served]
    [('leads', 'lead-qualification'), ('upsell', 'acme-upsell')]
    """
    entries = [entry.strip() for entry in environ.get(MODELS, "").split(",") if entry.strip()]
    if not entries:
        return (_single(root, environ),)
    if len(entries) > MOST_MODELS:
        raise ParameterError(f"{MODELS} names {len(entries)} models; at most {MOST_MODELS} are served by one service.")
    models = tuple(_entry(entry, root, environ) for entry in entries)
    names = [model.name for model in models]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ParameterError(f"{MODELS} names {twice!r} twice. Give each model a name of its own.")
    return models


def default_model(root: Path, environ: Mapping[str, str]) -> ServedModel:
    """Give the model that a request without a model means; raises as `served_models` does."""
    return served_models(root, environ)[0]


def _single(root: Path, environ: Mapping[str, str]) -> ServedModel:
    by_hand = environ.get(BUNDLE_DIR)
    folder = Path(by_hand).expanduser() if by_hand else None
    registered = environ.get(MODEL_NAME) or DEFAULT_REGISTERED
    return ServedModel(DEFAULT_MODEL, registered, folder, BUNDLE_DIR, _last_good(root, environ), root / PACKED)


def _entry(entry: str, root: Path, environ: Mapping[str, str]) -> ServedModel:
    name, is_given, source = (part.strip() for part in entry.partition("="))
    if not is_model_name(name):
        raise ParameterError(
            f"{MODELS}: {name!r:.60} is no name of a model, which matches {MODEL_PATTERN}. Write {_HOW}"
        )
    if not is_given:
        if name != DEFAULT_MODEL:
            raise ParameterError(f"{MODELS} does not say where {name!r} comes from. Write {_HOW}")
        return _single(root, environ)
    if name == DEFAULT_MODEL:
        other = next((variable for variable in (BUNDLE_DIR, MODEL_NAME) if environ.get(variable)), None)
        if other is not None:
            raise ParameterError(f"{MODELS} and {other} both say what {name!r} is. Unset one of them.")
    kept = _last_good(root, environ)
    kept = kept if name == DEFAULT_MODEL else kept.with_name(f"{kept.name}-{name}")
    if not source.startswith(_REGISTRY):
        if not source:
            raise ParameterError(f"{MODELS} does not say where {name!r} comes from. Write {_HOW}")
        registered = DEFAULT_REGISTERED if name == DEFAULT_MODEL else name
        return ServedModel(name, registered, Path(source).expanduser(), MODELS, kept)
    registered = source.removeprefix(_REGISTRY).removesuffix(_ALIAS)
    if not registered or "@" in registered or "/" in registered:
        raise ParameterError(
            f"{MODELS}: {source!r:.100} of {name!r} names no champion. Write registry:NAME@champion; no other alias is "
            "served."
        )
    return ServedModel(name, registered, None, MODELS, kept)


def _last_good(root: Path, environ: Mapping[str, str]) -> Path:
    by_hand = environ.get(LAST_GOOD_DIR)
    return Path(by_hand).expanduser() if by_hand else root / LAST_GOOD
