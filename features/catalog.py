"""The catalog: every feature as one named record, in a fixed order, with a fingerprint of all that gives it meaning."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from features.attributes import AttributeSpec
from features.built_in import (
    ACCOUNT,
    SALES,
    account_selectors,
    automatic_selectors,
    built_in_names,
    sales_selector,
    stage_selectors,
)
from features.buyer_profile import BuyerProfile
from features.errors import BundleError, LeadQualificationError, ParameterError
from features.feature import Feature, list_features
from features.operations import GROUPS, OPERATIONS
from features.params import FeaturesParams, SelectorParams
from features.selectors import Selectors
from features.vocabulary import STAGES

__all__ = ["DEFINITION", "OPERATIONS", "STAGES", "Catalog", "Feature", "Learned", "build_catalog"]

DEFINITION = 2
"""Version of what the operations mean. Raise it when one changes, and every older bundle is refused instead of misread."""

MAX_ROLES = 60
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Where and how features are made, or what is learned, not what they mean
_NO_MEANING = {"engine", "use_known_at_export", "min_category_rows", "automatic_min_leads", "selectors"}


@dataclass(frozen=True)
class Learned:
    """What a catalog takes from training rows, and from them alone.

    Attributes
    ----------
    kinds, channels : tuple of str
        All values seen, sorted; empty: not recorded, so that nothing is reported as unknown.
    common_kinds, common_channels : tuple of str
        Those of at least `automatic_min_leads` leads: each gets a selector of its own.
    roles : tuple of str
        Roles of at least `min_category_rows` rows, sorted.
    """

    kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    common_kinds: tuple[str, ...] = ()
    common_channels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Catalog:
    """Features in the order of the matrix's columns, and what they are made from. Equal when the fingerprints are.

    Attributes
    ----------
    features : tuple of Feature
        In column order; groups follow one another in the order of `GROUPS`.
    params : FeaturesParams
        Windows, half-lives, groups and the rest; `selectors` holds all that pick the lead's own touchpoints, automatic ones
        included, built-in ones not.
    attributes : tuple of AttributeSpec
        Those that are features.
    known_kinds, known_channels, known_roles : tuple of str
        Values seen in training, sorted; empty: not recorded, so that nothing is reported as unknown.
    buyer_profile : BuyerProfile or None
        Of the group `buyer_profile`; None before it is fitted, when the group's columns say nothing.
    """

    features: tuple[Feature, ...]
    params: FeaturesParams
    attributes: tuple[AttributeSpec, ...]
    known_kinds: tuple[str, ...] = ()
    known_channels: tuple[str, ...] = ()
    known_roles: tuple[str, ...] = ()
    buyer_profile: BuyerProfile | None = None

    def __len__(self) -> int:
        """Count the features."""
        return len(self.features)

    def __eq__(self, other: object) -> bool:
        """Compare fingerprints."""
        return isinstance(other, Catalog) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        """Hash the fingerprint."""
        return hash(self.fingerprint)

    @property
    def observation_days(self) -> int:
        """How far back a snapshot may look."""
        return self.params.observation_days

    @property
    def role_attribute(self) -> str | None:
        """The leads' attribute that names their role, where the group `account` is computed."""
        return self.params.role_attribute if "account" in self.params.groups else None

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
    def selectors(self) -> dict[str, SelectorParams]:
        """All selectors over a lead's own journey; the order gives the bit in the lookup tables."""
        groups = self.params.groups
        return {
            **self.params.selectors,
            **({SALES: sales_selector()} if "sales" in groups else {}),
            **(stage_selectors() if "stages" in groups else {}),
        }

    @cached_property
    def matcher(self) -> Selectors:
        """The selectors, ready to look up values."""
        return Selectors(self.selectors)

    @cached_property
    def account_selectors(self) -> dict[str, SelectorParams]:
        """All selectors over what colleagues did."""
        return account_selectors(self.known_roles) if "account" in self.params.groups else {}

    @cached_property
    def account_matcher(self) -> Selectors:
        """The selectors over what colleagues did, ready to look up values; roles are compared apart."""
        return Selectors(self.account_selectors)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical JSON of all that gives the columns their meaning."""
        text = json.dumps(self._content(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def with_buyer_profile(self, profile: BuyerProfile) -> "Catalog":
        """Give the same catalog with a fitted buyer profile."""
        return replace(self, buyer_profile=profile)

    def _content(self) -> dict[str, Any]:
        return {
            "definition": DEFINITION,
            **self.params.model_dump(mode="json", exclude=_NO_MEANING),
            # a list: the order gives the bits and the columns, and sorted keys would lose it
            "selectors": [{"name": name, **_content_of(rule)} for name, rule in self.params.selectors.items()],
            "attributes": [asdict(spec) for spec in self.attributes],
            "known_kinds": list(self.known_kinds),
            "known_channels": list(self.known_channels),
            "known_roles": list(self.known_roles),
            "fitted_buyer_profile": None if self.buyer_profile is None else self.buyer_profile.to_dict(),
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
            fingerprint, definition, names = stored["fingerprint"], stored["definition"], stored["features"]
            if definition != DEFINITION:
                raise _refusal("are not made by this version", DEFINITION, fingerprint, definition)
            selectors = {entry.pop("name"): SelectorParams.model_validate(entry) for entry in stored["selectors"]}
            stored_params = {field: stored[field] for field in FeaturesParams.model_fields if field not in _NO_MEANING}
            specs = [
                AttributeSpec(**{**entry, "categories": _texts(entry["categories"], "categories")})
                for entry in stored["attributes"]
            ]
            profile = stored["fitted_buyer_profile"]
            catalog = _assemble(
                FeaturesParams(**stored_params, selectors=selectors),
                tuple(specs),
                *(_texts(stored[field], field) for field in ("known_kinds", "known_channels", "known_roles")),
            )
            if profile is not None:
                catalog = catalog.with_buyer_profile(BuyerProfile.from_dict(profile))
        except BundleError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise BundleError(f"catalog: not readable ({str(error)[:300]}). Train again to write a new one.") from error
        except LeadQualificationError as error:
            raise BundleError(f"catalog: not readable ({error}). Train again to write a new one.") from error
        if fingerprint != catalog.fingerprint or names != list(catalog.names):
            raise _refusal(f"have fingerprint {catalog.fingerprint[:12]}", DEFINITION, fingerprint, definition)
        return catalog


def _texts(value: Any, field: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{field} is not a list of texts")
    if len(set(value)) != len(value):
        raise ValueError(f"{field} names something twice")
    return tuple(value)


def _content_of(rule: SelectorParams) -> dict[str, Any]:
    # without the words that it does not have, so that bundles from before there were such words stay readable
    return rule.model_dump(mode="json", exclude={"did"} if rule.did is None else None)


def _refusal(rebuilt: str, definition: int, stored: object, stored_definition: object) -> BundleError:
    return BundleError(
        f"catalog: rebuilt features {rebuilt} (definition {definition}), stored is {str(stored)[:12]} (definition "
        f"{stored_definition}). The file was altered or written by another version of the features; use the code "
        "it was trained with, or train again."
    )


def build_catalog(
    params: FeaturesParams, attributes: Sequence[AttributeSpec], learned: Learned | None = None
) -> Catalog:
    """Build the catalog of the given parameters; the same arguments give the same catalog.

    Parameters
    ----------
    params : FeaturesParams
        Selectors, windows, half-lives and groups. The selector `all` is added when it is not there.
    attributes : sequence of AttributeSpec
        With their known categories; left out when the group `attributes` is not wanted.
    learned : Learned, optional
        What training rows showed; None: nothing is known of them.

    Raises
    ------
    ParameterError
        If a name is not usable or taken, an attribute is known too late to be a feature, or there are too many roles.
    """
    learned = learned or Learned()
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
    if len(learned.roles) > MAX_ROLES:
        raise ParameterError(
            f"features.role_attribute: {params.role_attribute!r} has {len(learned.roles)} frequent values; allowed are "
            f"{MAX_ROLES}. Raise features.min_category_rows, or name an attribute with fewer values."
        )
    selectors = dict(params.selectors) if "all" in params.selectors else {"all": SelectorParams(), **params.selectors}
    taken = built_in_names(learned.roles)
    for name in selectors:
        if not _NAME.fullmatch(name) or name in taken or name.startswith(f"{ACCOUNT}_"):
            raise ParameterError(
                f"features.selectors: name {name!r} is taken or not usable. Use small letters, digits and single "
                f"underscores, and none of {', '.join(taken)}."
            )
    selectors |= automatic_selectors(learned.common_kinds, learned.common_channels, selectors)
    groups = tuple(group for group in GROUPS if group in params.groups)
    return _assemble(
        params.model_copy(update={"selectors": selectors, "groups": groups}),
        tuple(attributes) if "attributes" in groups else (),
        tuple(sorted(learned.kinds)),
        tuple(sorted(learned.channels)),
        tuple(sorted(learned.roles)) if "account" in groups else (),
    )


def _assemble(
    params: FeaturesParams,
    attributes: tuple[AttributeSpec, ...],
    known_kinds: tuple[str, ...],
    known_channels: tuple[str, ...],
    known_roles: tuple[str, ...],
) -> Catalog:
    features = list_features(params, params.selectors, attributes, known_channels, known_roles)
    return Catalog(features, params, attributes, known_kinds, known_channels, known_roles)
