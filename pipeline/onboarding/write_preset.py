"""The preset, written from the plan: what lies over `params.yaml` for this source, with a comment per conclusion."""

import json
from collections.abc import Iterable

from pipeline.onboarding.names import concepts
from pipeline.onboarding.plan import Plan
from pipeline.onboarding.selectors import Selector
from pipeline.onboarding.source_parts import one_line
from pipeline.onboarding.timing import Durations

__all__ = ["preset_yaml"]

DEPTHS = ("awareness", "consideration", "decision")
MOST_SEGMENTS = 6


def _yaml(value: object) -> str:
    """Write a value as YAML; JSON is YAML, and nothing in it is taken for anything else."""
    return json.dumps(value, ensure_ascii=False)


def preset_yaml(
    plan: Plan,
    durations: Durations,
    selectors: list[Selector],
    raw_dir: str,
    bad_shares: dict[str, dict[str, float]],
    per_week: int | None,
    asked: Iterable[str],
) -> str:
    """Write the whole file, without the header that says who wrote it.

    Parameters
    ----------
    plan, durations, selectors
        What was concluded.
    raw_dir : str
        The folder of the files.
    bad_shares : dict
        Per table and reason, the share of rows that may be bad.
    per_week : int or None
        Leads that sales can work in a week; None: unknown.
    asked : iterable of str
        Answers that were taken, one comment line each.
    """
    lines = [f"# {one_line(line)}" for line in asked]
    lines += ["ingest:", f"  source: {plan.name}", f"  raw_dir: {_yaml(raw_dir)}"]
    lines += _bad_shares(bad_shares)
    lines += [
        "privacy:",
        "  ids: pseudonyms       # leads and owners in tables; as_given: ids that name nobody, as of made-up data",
    ]
    lines += [
        "snapshots:",
        f"  expire_days: {durations.expire_days}  # later nearly no outcome came; a short history is kept whole",
    ]
    lines += ["labels:", f"  label_days: {durations.label_days}  # {one_line(durations.because)}"]
    lines += _features(plan, selectors)
    lines += ["points: null            # the company's points table, where it has one"]
    lines += [
        "capacity: {share: 0.25, leads_per_week: null}  # what sales can work is unknown: figures are of the best quarter"
        if per_week is None
        else f"capacity: {{share: null, leads_per_week: {per_week}}}  # what sales can work"
    ]
    lines += _segments(plan)
    lines += ["publish:", f"  model_name: lead-qualification-{plan.name.replace('_', '-')}"]
    return "\n".join(lines) + "\n"


def _bad_shares(shares: dict[str, dict[str, float]]) -> list[str]:
    if not shares:
        return []
    lines = [
        "  max_bad_share:  # what is bad in these files, by table and reason, with some room; else ingest fails",
        "    default: 0.02",
    ]
    return lines + [f"    {table}: {_yaml({'default': 0.02, **reasons})}" for table, reasons in sorted(shares.items())]


def _features(plan: Plan, selectors: list[Selector]) -> list[str]:
    groups = ["engagement", "rhythm", "path", "buyer_profile", "sales", "stages", "attributes"]
    if not plan.activities:
        groups = ["stages", "attributes"]
    depth = {name: [s.name for s in selectors if s.depth == name] for name in DEPTHS}
    role = next(
        (a.name for a in plan.attributes if a.entity == "lead" and "role" in concepts(a.column.name, "attributes")),
        None,
    )
    lines = [
        "features:",
        f"  groups: {_yaml(groups)}",
        "  automatic_min_leads: null",
        f"  time_zone: {_yaml(plan.zone)}",
    ]
    lines += [f"  content: {_yaml(depth)}", "  sequences: []", f"  role_attribute: {_yaml(role)}", "  selectors:"]
    lines += ["    all: {label: {en: touchpoints, de: Kontaktpunkte}}"]
    return lines + [_selector(selector) for selector in selectors]


def _selector(selector: Selector) -> str:
    fields: dict[str, object] = {"kind": [selector.kind]}
    if selector.assets:
        fields["asset"] = list(selector.assets)
    if selector.by is not None:
        fields["by"] = [selector.by]
    fields["label"] = selector.labels
    if selector.did:
        fields["did"] = selector.did
    return f"    {_yaml(selector.name)}: {_yaml(fields)}  # {selector.leads:,} leads"


def _segments(plan: Plan) -> list[str]:
    leads = [
        a for a in plan.attributes if a.entity == "lead" and a.known_at in ("creation", "mql") and not a.is_free_mail
    ]
    named = [a.name for a in leads if concepts(a.column.name, "attributes")] + [a.name for a in leads]
    by = ["month", *list(dict.fromkeys(named))[:MOST_SEGMENTS]]
    fair = [a.name for a in leads if "fair" in concepts(a.column.name, "attributes")]
    fair += [a.name for a in plan.attributes if a.is_free_mail]
    return ["segments:", f"  by: {_yaml(by)}", f"  fairness: {_yaml(fair)}"]
