"""All detectors of columns, in their order."""

from pipeline.leakage.audit_table import AuditTable, Profile, profile_columns
from pipeline.leakage.companions import companions, outweighing_columns
from pipeline.leakage.finding import Finding
from pipeline.leakage.time_columns import clock_columns, fill_switches, future_times
from pipeline.leakage.values import certain_columns, fading_columns, fill_follows_outcome, pure_values
from pipeline.params import AuditParams

__all__ = ["audit_columns"]


def audit_columns(table: AuditTable, params: AuditParams) -> tuple[list[Finding], dict[str, Profile]]:
    """Run every detector of columns; returns the findings, and the profiles of the columns."""
    profiles = dict(profile_columns(table, params))
    pure = pure_values(table, profiles, params)
    findings = [
        *fill_follows_outcome(table, profiles, params),
        *pure,
        *certain_columns(profiles, params),
        *fading_columns(profiles, params),
        *future_times(table, params),
        *fill_switches(table, profiles, params),
        *clock_columns(table, params),
    ]
    findings += companions(table, profiles, {finding.subject for finding in pure}, _blocked(findings), params)
    findings += outweighing_columns(table, profiles, _blocked(findings), params)
    return findings, profiles


def _blocked(findings: list[Finding]) -> set[str]:
    return {finding.subject for finding in findings if finding.strength == "block"}
