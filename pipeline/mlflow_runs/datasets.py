"""What a training saw and was tested on, as MLflow datasets: columns, rows, time and hash, without any row."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from models.bundle import Bundle

__all__ = ["CONTEXTS", "datasets"]

CONTEXTS = {"train": "training", "early_stopping": "early stopping", "calibration": "calibration", "test": "test"}


def datasets(bundle: Bundle, slices: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, str]]:
    """Describe each slice of the feature matrix; nothing of a person is in it.

    Parameters
    ----------
    bundle : Bundle
        Its catalog names the columns, its metadata the source and the data's hash.
    slices : mapping
        Slice to rows, headline, positives, first and last, as `split.json` has them.

    Returns
    -------
    list of (dataset, context)
        One per slice with rows. The digest is of the data's hash, the columns and the slice's figures.
    """
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.types import ColSpec, Schema

    class Slice(MetaDataset):
        """Adds what MLflow's own dataset of metadata lacks: how many rows there are."""

        def __init__(self, figures: Mapping[str, Any], **given: Any) -> None:
            self._figures = figures
            super().__init__(**given)

        @property
        def profile(self) -> Mapping[str, Any]:
            return self._figures

        def to_dict(self) -> dict[str, str]:
            return super().to_dict() | {"profile": json.dumps(self._figures)}

    categorical = set(bundle.catalog.categorical)
    columns = [
        ColSpec("integer" if column in categorical else "float", name)
        for column, name in enumerate(bundle.catalog.names)
    ]
    schema = Schema([*columns, ColSpec("integer", "label")])
    name = str(bundle.metadata["source"])
    sha256 = str(bundle.metadata["data_sha256"])
    found = []
    for key, context in CONTEXTS.items():
        figures = slices.get(key)
        if not figures or not figures["rows"]:
            continue
        profile = {"num_rows": figures["rows"], **{item: figures[item] for item in figures if item != "rows"}}
        content = json.dumps([sha256, bundle.catalog.fingerprint, key, profile], sort_keys=True)
        source = CodeDatasetSource({"data_sha256": sha256, "stage": "features", "slice": key})
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        found.append((Slice(profile, source=source, name=f"{name} {context}", digest=digest, schema=schema), context))
    return found
