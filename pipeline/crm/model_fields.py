"""Which fields of a CRM a model's scores go to: each model has its own, so that none overwrites another's."""

from typing import Literal

import pandas as pd

from features.errors import DataError
from pipeline.params import CrmParams

__all__ = ["MODEL", "model_of_scores", "with_fields_of"]

MODEL = "model"
"""The column of a score file that names the registered model; files of earlier versions have none."""


def model_of_scores(scores: pd.DataFrame, usual: str) -> str:
    """Name the one model whose scores a file holds; one of an earlier version holds those of the usual model.

    Raises
    ------
    DataError
        There are scores of several models in it.
    """
    if MODEL not in scores.columns or scores.empty:
        return usual
    names = sorted({str(name) for name in scores[MODEL]})
    if len(names) > 1:
        raise DataError(f"scores: of the models {', '.join(names)}; push those of one model at a time.")
    return names[0]


def with_fields_of(params: CrmParams, crm: Literal["hubspot", "salesforce"], model: str, usual: str) -> CrmParams:
    """Give the parameters of a CRM with the fields of a model.

    Parameters
    ----------
    params : CrmParams
    crm : str
    model : str
        Registered name.
    usual : str
        That whose fields are `fields`: `publish.model_name`.

    Raises
    ------
    DataError
        The model has no fields, or shares one with another model.
    """
    section = getattr(params, crm)
    if model == usual:
        return params
    fields = section.fields_of.get(model)
    if fields is None:
        known = ", ".join((usual, *section.fields_of))
        raise DataError(
            f"scores: of the model {model!r}, and crm.{crm} of params.yaml has fields of {known} only. Give it its own: "
            f"crm.{crm}.fields_of: {{{model}: {{probability: ..., tier: ..., decision: ..., reasons: ...}}}}, then --setup."
        )
    others = {usual: section.fields, **{name: item for name, item in section.fields_of.items() if name != model}}
    for name, other in others.items():
        shared = sorted({*fields.by_role().values()} & {*other.by_role().values()})
        if shared:
            raise DataError(
                f"crm.{crm}: {', '.join(shared)} would hold scores of {model} and of {name}. Give each model fields of its own."
            )
    return params.model_copy(update={crm: section.model_copy(update={"fields": fields})})
