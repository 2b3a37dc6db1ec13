"""One lead of a request: its schema, what is wrong with it in words, its records, and what features are computed from."""

from models.answers.requests.inputs import build_inputs, drop_unfit_values, unread_attributes
from models.answers.requests.records import LeadRequest, Note, parse_lead

__all__ = [
    "LeadRequest",
    "Note",
    "build_inputs",
    "drop_unfit_values",
    "parse_lead",
    "unread_attributes",
]
