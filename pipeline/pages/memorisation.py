"""What the model card says of memorisation: what was measured of this training, or that nothing was."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from models.params import TrainParams
from pipeline.params import MemorisationParams

__all__ = ["WANTED", "memorisation_values", "training_id"]

WANTED = 0.05
"""The upper 95 % bound of an attack's advantage that we want a model to keep."""


def training_id(data_sha256: str, train: TrainParams) -> str:
    """Name what is attacked: the rows to learn from, and the parameters of `train` that decide about the trees.

    Parameters
    ----------
    data_sha256 : str
        Of the files that the rows are read from.
    train : TrainParams
        The section.
    """
    content = [data_sha256, train.model_dump(mode="json", exclude={"num_threads"})]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def memorisation_values(
    metadata: Mapping[str, Any], train: TrainParams | None, measured: MemorisationParams | None
) -> dict[str, Any]:
    """Give the values of the model card's section.

    Parameters
    ----------
    metadata : mapping
        The bundle's, with `data_sha256`.
    train : TrainParams or None
        What the model was trained with.
    measured : MemorisationParams or None
        As `python -m bench.memorisation --record` wrote it; None, or of another training: nothing is known.
    """
    is_of_it = (
        train is not None
        and measured is not None
        and measured.of == training_id(str(metadata.get("data_sha256")), train)
    )
    return {"memorisation": measured if is_of_it else None, "train": train, "wanted": WANTED}
