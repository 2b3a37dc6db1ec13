"""Analyses of the funnel, as one table of records: what they are called, their schema, their template."""

from collections.abc import Mapping
from types import MappingProxyType

from models.analyses.analysis import FOLDER, Analysis, AnalysisError, read_all
from models.analyses.behaviour import BEHAVIOUR
from models.analyses.channels import CHANNELS
from models.analyses.funnel import FUNNEL
from models.analyses.personas import PERSONAS
from models.analyses.points_audit import POINTS_AUDIT

__all__ = ["ANALYSES", "FOLDER", "Analysis", "AnalysisError", "read_all"]

ANALYSES: Mapping[str, Analysis] = MappingProxyType(
    {analysis.name: analysis for analysis in (FUNNEL, POINTS_AUDIT, PERSONAS, BEHAVIOUR, CHANNELS)}
)
"""By name, in the order in which they are listed."""
