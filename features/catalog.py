"""The catalog: every feature as one named record, in a fixed order, with a fingerprint of all that gives it meaning."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from features.attributes import AttributeSpec
from features.errors import BundleError, LeadQualificationError, ParameterError
from features.feature import OPERATIONS, Feature, list_features, stage_selectors
from features.params import FeaturesParams, SelectorParams
from features.selectors import Selectors
from features.vocabulary import STAGES

__all__ = ["DEFINITION", "OPERATIONS", "STAGES", "Catalog", "Feature", "build_catalog"]

DEFINITION = 1
"""Version of what the operations mean. Raise it when one changes, and every older bundle is refused instead of misread."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, eq=False)
class Catalog:
    """Features in the order of the matrix's columns, and what they are made from. Equal when the fingerprints are.

    Attributes
    ----------
    features : tuple of Feature
        In column order; groups follow one another: engagement, stages, attributes.
    selectors : mapping of str to SelectorParams
        All selectors, built-in ones included; the order gives the bit in the lookup tables.
    observation_days, windows_days, half_lives_days, groups
        As in the parameters.
    attributes : tuple of AttributeSpec
        Those that are features.
    known_kinds, known_channels : tuple of str
        Values seen in training, sorted; empty: not recorded, so that nothing is reported as unknown.
    """

    features: tuple[Feature, ...]
    selectors: Mapping[str, SelectorParams]
    observation_days: int
    windows_days: tuple[int, ...]
    half_lives_days: tuple[int, ...]
    groups: tuple[str, ...]
    attributes: tuple[AttributeSpec, ...]
    known_kinds: tuple[str, ...] = ()
    known_channels: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count the features."""
        return len(self.features)

    def __eq__(self, other: object) -> bool:
        """Compare fingerprints."""
        return isinstance(other, Catalog) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        """Hash the fingerprint."""
        return hash(self.fingerprint)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Feature name to column."""
        return {name: column for column, name in enumerate(self.names)}

    @cached_property
    def categorical(self) -> list[int]:
        """Columns that hold category codes."""
        return [column for column, feature in enumerate(self.features) if feature.unit == "category"]

    @cached_property
    def matcher(self) -> Selectors:
        """The selectors, ready to look up values."""
        return Selectors(self.selectors)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical JSON of all that gives the columns their meaning."""
        text = json.dumps(self._content(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def _content(self) -> dict[str, Any]:
        return {
            "definition": DEFINITION,
            "observation_days": self.observation_days,
            "windows_days": list(self.windows_days),
            "half_lives_days": list(self.half_lives_days),
            "groups": list(self.groups),
            # a list: the order gives the bits and the columns, and sorted keys would lose it
            "selectors": [{"name": name, **rule.model_dump(mode="json")} for name, rule in self.selectors.items()],
            "attributes": [asdict(spec) for spec in self.attributes],
            "known_kinds": list(self.known_kinds),
            "known_channels": list(self.known_channels),
            "features": list(self.names),
        }

    def to_json(self) -> str:
        """Write the catalog as JSON, with its fingerprint; the same catalog gives the same text."""
        content = {**self._content(), "fingerprint": self.fingerprint}
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str) -> "Catalog":
        """Rebuild a catalog and check that it is the one that was written.

        Raises
        ------
        BundleError
            If the text is not a catalog, was altered, or was written by code whose features mean something else.
        """
        try:
            stored = json.loads(text)
            selectors = {
                entry["name"]: SelectorParams.model_validate({k: v for k, v in entry.items() if k != "name"})
                for entry in stored["selectors"]
            }
            specs = [
                AttributeSpec(**{**entry, "categories": tuple(entry["categories"])}) for entry in stored["attributes"]
            ]
            catalog = _assemble(
                selectors,
                stored["observation_days"],
                tuple(stored["windows_days"]),
                tuple(stored["half_lives_days"]),
                tuple(stored["groups"]),
                tuple(specs),
                tuple(stored["known_kinds"]),
                tuple(stored["known_channels"]),
            )
            fingerprint, definition, names = stored["fingerprint"], stored["definition"], stored["features"]
        except (ValueError, KeyError, TypeError, LeadQualificationError) as error:
            raise BundleError(f"catalog: not readable ({error}). Train again to write a new one.") from error
        if fingerprint != catalog.fingerprint or names != list(catalog.names):
            raise BundleError(
                f"catalog: rebuilt features have fingerprint {catalog.fingerprint[:12]} (definition {DEFINITION}), stored is "
                f"{str(fingerprint)[:12]} (definition {definition}). The file was altered or written by another version of "
                "the features; use the code it was trained with, or train again."
            )
        return catalog


def build_catalog(
    params: FeaturesParams,
    attributes: Sequence[AttributeSpec],
    known_kinds: Sequence[str] = (),
    known_channels: Sequence[str] = (),
) -> Catalog:
    """Build the catalog of the given parameters; the same arguments give the same catalog.

    Parameters
    ----------
    params : FeaturesParams
        Selectors, windows, half-lives and groups. The selector `all` is added when it is not there.
    attributes : sequence of AttributeSpec
        With their known categories; left out when the group `attributes` is not wanted.
    known_kinds, known_channels : sequence of str
        Values seen in training.

    Raises
    ------
    ParameterError
        If a name is not usable or taken, or an attribute is known too late to be a feature.
    """
    allowed = ("creation", "mql", "export") if params.use_known_at_export else ("creation", "mql")
    names = [spec.name for spec in attributes]
    for spec in attributes:
        if spec.known_at not in allowed:
            raise ParameterError(
                f"attribute {spec.name!r} is known at {spec.known_at!r}; features may use {', '.join(allowed)}. Leave it out"
                + (", or set features.use_known_at_export." if spec.known_at == "export" else ".")
            )
        if not spec.name or names.count(spec.name) > 1:
            raise ParameterError(
                f"attribute {spec.name!r} is declared {names.count(spec.name)} times; names are unique over leads and "
                "accounts, and not empty. Rename one."
            )
    selectors = dict(params.selectors) if "all" in params.selectors else {"all": SelectorParams(), **params.selectors}
    built_in = stage_selectors() if "stages" in params.groups else {}
    for name in selectors:
        if not _NAME.fullmatch(name) or name in built_in:
            raise ParameterError(
                f"features.selectors: name {name!r} is taken or not usable. Use small letters, digits and single "
                f"underscores, and none of {', '.join(built_in) or 'the others'}."
            )
    return _assemble(
        {**selectors, **built_in},
        params.observation_days,
        params.windows_days,
        params.half_lives_days,
        tuple(group for group in ("engagement", "stages", "attributes") if group in params.groups),
        tuple(attributes) if "attributes" in params.groups else (),
        tuple(sorted(known_kinds)),
        tuple(sorted(known_channels)),
    )


def _assemble(
    selectors: Mapping[str, SelectorParams],
    observation_days: int,
    windows_days: tuple[int, ...],
    half_lives_days: tuple[int, ...],
    groups: tuple[str, ...],
    attributes: tuple[AttributeSpec, ...],
    known_kinds: tuple[str, ...],
    known_channels: tuple[str, ...],
) -> Catalog:
    features = list_features(selectors, observation_days, windows_days, half_lives_days, groups, attributes)
    return Catalog(
        features,
        dict(selectors),
        observation_days,
        windows_days,
        half_lives_days,
        groups,
        attributes,
        known_kinds,
        known_channels,
    )
