"""The bundle: one directory that holds everything serving needs, as text and JSON. Loading it can't run code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from features.catalog import Catalog
from features.errors import BundleError
from models.answers.risk_set import CUSTOMERS, RiskSet
from models.bundle_files import is_number, parse_object, read_text
from models.calibration.apply import Calibration
from models.calibration.tiers import TIERS
from models.fitting.stack import Stack
from models.fitting.uncertainty import Uncertainty
from models.monitoring.reference import Reference
from models.timing.model import TIMING, Timing

__all__ = ["FILES", "FORMAT", "NO_CHAMPION", "Bundle", "bundle_hash", "target_of"]

FORMAT = 4
WITHOUT_TIMING = 3
"""A format that is still read: it has no models of when to hand over."""
# How to get a champion, in the same words wherever one is missing.
NO_CHAMPION = "Run `make demo`, which trains and publishes one, or `python -m pipeline.publish`"
FILES = (
    "model.txt",
    "ladder.json",
    "spread.txt",
    "calibration.json",
    "tiers.json",
    "catalog.json",
    "metadata.json",
    "reference.json",
)
CHECKSUMS = "checksums.json"
MOST_DAYS = 36_600
# What decides the bits of a prediction besides the data.
LIBRARIES = ("lightgbm", "numba", "numpy", "scikit-learn")


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model ready to score.

    Attributes
    ----------
    classifier : Stack
        Raw log-odds and their contributions.
    uncertainty : Uncertainty
        Standard deviation of raw log-odds.
    calibration : Calibration
        From raw log-odds and their standard deviation to a probability with its interval.
    cutoffs : dict of str to float
        Smallest probability of tiers A, B and C.
    catalog : Catalog
        The features, in the classifier's column order.
    metadata : mapping
        What it was made from: source, label definition, time range, counts, versions. Plain JSON values.
    reference : Reference or None
        What its training rows looked like, for monitoring; None: nothing to compare later rows with.
    timing : Timing or None
        When to hand over; None: nothing is known of it, `metadata` says why under ``no_timing``.
    sha256 : str
        `bundle_hash` of the folder that it was read from; empty: it was read from none.
    """

    classifier: Stack
    uncertainty: Uncertainty
    calibration: Calibration
    cutoffs: dict[str, float]
    catalog: Catalog
    metadata: Mapping[str, Any]
    reference: Reference | None = None
    timing: Timing | None = None
    sha256: str = ""

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if not self.classifier.names == self.uncertainty.trees.names == self.catalog.names:
            raise BundleError(
                f"bundle: the classifier takes {len(self.classifier.names)} features, the catalog has {len(self.catalog)}, and "
                "they are not the same in the same order. Train anew."
            )
        bounds = [self.cutoffs.get(name) for name in TIERS[:3]]
        if len(self.cutoffs) != len(bounds) or not all(is_number(bound, 0.0, 1.0) for bound in bounds):
            raise BundleError(
                f"bundle: tier cut-offs are {str(self.cutoffs)[:200]}; A, B and C within 0..1 are needed. Train anew."
            )
        if self.reference is not None and len(self.reference.features) != len(self.catalog):
            raise BundleError(
                f"bundle: the reference describes {len(self.reference.features)} features, the catalog has {len(self.catalog)}."
                " Train anew."
            )
        if not isinstance(self.label_days, int) or not is_number(self.label_days, 1, MOST_DAYS):
            raise BundleError("bundle: the metadata do not say label_days, a whole number of days. Train anew.")
        cutoff = self.metadata.get("capacity_cutoff")
        if cutoff is not None and not is_number(cutoff, 0.0, 1.0):
            raise BundleError("bundle: the metadata's capacity_cutoff is not within 0..1. Train anew.")
        names = self.metadata.get("identifiers", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise BundleError("bundle: the metadata's identifiers are no list of names. Train anew.")
        RiskSet.of(self.metadata)  # raises what a score would stumble over

    @property
    def label_days(self) -> int:
        """How far forward the label looks, in days."""
        days: int = self.metadata.get("label_days", 0)
        return days

    @property
    def of_customers(self) -> bool:
        """Whether its population are existing customers, and not leads."""
        return bool(self.metadata.get("risk_set") == CUSTOMERS)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Attributes that hold direct identifiers, as `privacy.identifiers` named them; those called like one are known."""
        names: list[str] = self.metadata.get("identifiers", [])
        return tuple(names)

    def save(self, folder: Path) -> None:
        """Write the bundle; the same bundle gives the same bytes.

        Parameters
        ----------
        folder : Path
            Made as needed; files of an older bundle in it are replaced.

        Raises
        ------
        BundleError
            If the metadata are not plain JSON values.
        """
        folder.mkdir(parents=True, exist_ok=True)
        metadata = {
            **self.metadata,
            "format": FORMAT,
            "fingerprint": self.catalog.fingerprint,
            "versions": {name: version(name) for name in LIBRARIES},
        }
        texts = {
            "model.txt": self.classifier.to_text(),
            "ladder.json": self.classifier.to_json(),
            "spread.txt": self.uncertainty.to_text(),
            "calibration.json": self.calibration.to_json(),
            "tiers.json": _json(self.cutoffs),
            "catalog.json": self.catalog.to_json(),
            "metadata.json": _json(metadata),
            "reference.json": "null\n" if self.reference is None else self.reference.to_json(),
        }
        texts |= {TIMING: "null\n"} if self.timing is None else self.timing.texts()
        for old in folder.glob("timing*"):
            old.unlink()
        for name, text in texts.items():
            (folder / name).write_bytes(text.encode("utf-8"))
        sums = {name: hashlib.sha256(text.encode("utf-8")).hexdigest() for name, text in texts.items()}
        (folder / CHECKSUMS).write_bytes(_json(sums).encode("utf-8"))

    @classmethod
    def load(cls, folder: Path | str) -> "Bundle":
        """Read a bundle and verify it; files next to it (provenance) are not read.

        Raises
        ------
        BundleError
            If a file is missing, altered, of a newer format, or the catalog does not match its fingerprint.
        """
        place = Path(folder)
        sums = parse_object(read_text(place / CHECKSUMS).decode("utf-8"), str(place / CHECKSUMS))

        def read(name: str) -> str:
            content = read_text(place / name)
            if hashlib.sha256(content).hexdigest() != sums.get(name):
                raise BundleError(
                    f"{place / name}: it does not match its checksum; it was altered or cut short. Fetch the bundle again."
                )
            return content.decode("utf-8")

        # First of all: another format has other files
        metadata = parse_object(read("metadata.json"), str(place / "metadata.json"))
        if metadata.get("format") not in (FORMAT, WITHOUT_TIMING):
            raise BundleError(
                f"{place}: bundle format {metadata.get('format')!r:.40}; this version reads formats {WITHOUT_TIMING} "
                f"and {FORMAT}. Make it anew: `dvc repro train`, then `python -m pipeline.publish`; or use the version that "
                "made it."
            )
        texts = {name: read(name) for name in FILES}
        catalog = Catalog.from_json(texts["catalog.json"])
        stored = str(metadata.get("fingerprint"))
        if catalog.fingerprint != stored:
            raise BundleError(
                f"{place}: the catalog hashes to {catalog.fingerprint[:12]}, the model was trained on {stored[:12]}. Fetch the "
                "bundle again, or train anew."
            )
        timing = Timing.read(read, catalog.names) if metadata["format"] == FORMAT else None
        return cls(
            classifier=Stack.read(texts["model.txt"], texts["ladder.json"], catalog.names),
            uncertainty=Uncertainty.from_text(texts["spread.txt"], catalog.names),
            calibration=Calibration.from_json(texts["calibration.json"]),
            cutoffs=parse_object(texts["tiers.json"], str(place / "tiers.json")),
            catalog=catalog,
            metadata=metadata,
            reference=None if texts["reference.json"] == "null\n" else Reference.from_json(texts["reference.json"]),
            timing=timing,
            sha256=bundle_hash(place),
        )


def bundle_hash(bundle: Path) -> str:
    """Hash what a bundle holds: SHA-256 over the names and contents of its files, `provenance.json` left out.

    Raises
    ------
    BundleError
        If there is no bundle.
    """
    names = sorted(p for p in bundle.glob("*") if p.is_file() and p.name != "provenance.json")
    if not names:
        raise BundleError(f"{bundle}: no bundle here. Train one first: `dvc repro train`.")
    total = hashlib.sha256()
    for path in names:
        with path.open("rb") as file:
            total.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _json(value: Any) -> str:
    try:
        return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise BundleError(
            f"bundle: the metadata or cut-offs are not plain JSON values ({error}). Correct them."
        ) from error


def target_of(metadata: Mapping[str, Any]) -> str:
    """Name the target of a model by its bundle's metadata.

    Examples
    --------
    >>> target_of({"risk_set": "mql", "purchase": "again"}), target_of({"risk_set": "customers", "purchase": "more"})
    ('sales_qualified', 'more')
    """
    if metadata.get("risk_set") != CUSTOMERS:
        return "sales_qualified"
    return str(metadata.get("purchase", "again"))
