"""The letter to a person who asks for access (Art. 15 GDPR): one page, in every language, from what was gathered."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from models.presentation.catalogues import n_, words
from models.presentation.numbers import date, number, percent
from models.presentation.rendering import file_page, render
from pipeline.data_protection.registry import PurposeRegistry
from pipeline.data_protection.registry_documents import BASES, TABLE_NAMES, field_name

__all__ = ["letter"]

TEMPLATES = Path(__file__).parent / "templates"
MOST_SCORES, MOST_ACCESSES, REASONS = 20, 20, 3

VERDICTS = {
    "sal": n_("accepted by sales"),
    "sales_qualified": n_("a need was confirmed"),
    "disqualified": n_("not pursued"),
    "recycled": n_("back to marketing, for later"),
}
ADVICE = {
    "hand_over_now": n_("call now"),
    "wait_until": n_("wait"),
    "later": n_("later"),
    "too_little_data": n_("too little data for advice"),
}
NOT_SCORED = {
    "already_qualified": n_("Your need is confirmed already, so no estimate is made."),
    "disqualified": n_("Your enquiry is not pursued, so no estimate is made."),
    "objected": n_("You objected, so no estimate is made."),
    "too_little_data": n_("We know too little for an estimate that means anything."),
}
ACTIONS = {
    "scored": n_("estimated"),
    "viewed": n_("looked at"),
    "decided": n_("decided on"),
    "exported": n_("exported"),
    "sent": n_("sent to the CRM or another system of ours"),
    "objected": n_("objection recorded"),
    "erased": n_("erased"),
    "purged": n_("erased after its retention"),
    "replayed": n_("estimate computed again"),
}
ACTORS = {
    "access_key": n_("somebody with an access key, or a system of ours"),
    "employee": n_("an employee"),
    "operator": n_("an employee who runs the system"),
    "service": n_("the system itself"),
    "local": n_("somebody at the system’s machine"),
}
OTHER_TABLES = {
    **TABLE_NAMES,
    "touchpoints": n_("interactions"),
    "visits": n_("interactions"),
    "outcomes": n_("verdicts"),
    "retractions": n_("verdicts taken back"),
    "attribute_changes": n_("earlier values of facts"),
    "leads": n_("your enquiry"),
    "accounts": n_("your company"),
    "merged_leads": n_("earlier numbers of your enquiry"),
}
PLAIN = ("lead_id", "account_id", "created_at", "changed_at", "touched_at")


def letter(data: Mapping[str, Any], registry: PurposeRegistry) -> str:
    """Write the letter.

    Parameters
    ----------
    data : mapping
        As `pipeline.data_protection.exporting.gathered` returns it.
    registry : PurposeRegistry
        Purposes, legal bases, retention, and who is responsible.
    """
    day = dt.datetime.fromisoformat(data["generated_at"])

    def body(language: str) -> Markup:
        return render(TEMPLATES, "letter.html", language, **_values(data, registry, language))

    return file_page(
        lambda language: words(language).gettext("Your data: answer to your request for access"),
        lambda language: date(day, language),
        body,
    )


def _values(data: Mapping[str, Any], registry: PurposeRegistry, language: str) -> dict[str, Any]:
    say = words(language)
    spoken: Any = language if language in ("en", "de") else "en"
    explanation = data["explanation"]
    why = None if explanation is None else explanation["not_scored"]
    return {
        "data": data,
        "day": date(dt.datetime.fromisoformat(data["generated_at"]), language),
        "controller": registry.controller,
        "purposes": [said.get(spoken, said["en"]) for said in registry.purposes.values()],
        "recipients": registry.recipients.get(spoken, registry.recipients["en"]),
        "explanation": explanation,
        "not_scored": say.say(NOT_SCORED[why]) if why in NOT_SCORED else "",
        "advice": "" if explanation is None else explanation["advice"].get(spoken, ""),
        "reasons": [] if explanation is None else explanation["reasons"][spoken],
        "counterfactuals": []
        if explanation is None
        else [_changed(item, spoken) for item in explanation["counterfactuals"]],
        "verdicts": [_verdict(item, language) for item in data["verdicts"]],
        "scores": [_score(item, spoken) for item in data["scores"][:MOST_SCORES]],
        "more_scores": max(len(data["scores"]) - MOST_SCORES, 0),
        "held": [*_facts(data, registry, spoken), *_entries(data, registry, spoken)],
        "accesses": [_access(item, language) for item in data["accesses"][-MOST_ACCESSES:]],
        "more_accesses": max(len(data["accesses"]) - MOST_ACCESSES, 0),
    }


def _changed(item: Mapping[str, Any], language: str) -> str:
    say, what = words(language), item["words"][language]
    new, own = (
        percent(value, language, 1) for value in (item["probability"], item["probability"] - item["difference"])
    )
    if item["kind"] == "attribute":
        value = {True: say.gettext("yes"), False: say.gettext("no")}.get(item["value"], str(item["value"]))
        return say.gettext(
            "If “{name}” were “{value}”: {new} instead of {own}.", name=what, value=value, new=new, own=own
        )
    if item["is_doing"]:
        return say.gettext("If you had {what} just before: {new} instead of {own}.", what=what, new=new, own=own)
    return say.gettext("With one more of “{what}”: {new} instead of {own}.", what=what, new=new, own=own)


def _verdict(item: Mapping[str, Any], language: str) -> dict[str, Any]:
    say = words(language)
    team, sales = str(item["function"]).replace("_", " "), say.gettext("sales")
    function = sales if team == "sales" else f"{sales} ({team})"
    return {
        "day": date(dt.datetime.fromisoformat(item["at"]), language),
        "what": say.say(VERDICTS[item["verdict"]]),
        "function": function,
        "reason": item.get("reason", ""),
        "retracted": "retracted_at" in item,
    }


def _score(item: Mapping[str, Any], language: str) -> dict[str, str]:
    say = words(language)
    figures = [
        None if item[name] is None else percent(item[name], language, 0) for name in ("probability", "low", "high")
    ]
    chance = say.gettext("no estimate") if figures[0] is None else "{} ({} – {})".format(*figures)
    reasons = [] if item["reasons"] is None else item["reasons"][language][:REASONS]
    return {
        "when": date(dt.datetime.fromisoformat(item["scored_at"]), language),
        "model": f"{item['model']} {item['model_version']}",
        "chance": chance,
        "advice": say.say(ADVICE[item["advice"]]) if item["advice"] else "",
        "reasons": "; ".join(reason["text"] for reason in reasons),
    }


def _facts(data: Mapping[str, Any], registry: PurposeRegistry, language: str) -> list[dict[str, Any]]:
    """List facts about person and company with their values, the store's where both know one."""
    values: dict[str, Any] = {}
    for entity, table in (("account", "accounts"), ("lead", "leads")):
        for row in data["stored"]["canonical"].get(table, ()):
            values |= {f"{entity}.{name}": value for name, value in row.items() if name not in PLAIN}
    for tables in data["stored"]["store"].values():
        for row in tables.get("attribute_changes", ()):
            values[f"{row['entity']}.{row['attribute']}"] = str(row["value"]).strip('"')
    return [
        {
            "name": field_name("attributes", name, registry.attributes.get(name), language),
            "value": _shown(value, language),
            "count": number(1, 0, language),
            **_use(registry, "attributes", name, language),
        }
        for name, value in sorted(values.items())
    ]


def _entries(data: Mapping[str, Any], registry: PurposeRegistry, language: str) -> list[dict[str, Any]]:
    """Count the other rows: interactions by kind, the rest by table."""
    counts: dict[tuple[str, str], int] = {}
    for tables in (data["stored"]["canonical"], *data["stored"]["store"].values()):
        counted: dict[tuple[str, str], int] = {}
        for table, rows in tables.items():
            if table in ("leads", "accounts", "attributes", "export"):
                continue
            for row in rows:
                key = (
                    ("touchpoint_kinds", str(row["kind"])) if table in ("touchpoints", "visits") else ("tables", table)
                )
                counted[key] = counted.get(key, 0) + 1
        counts = {key: max(counts.get(key, 0), counted.get(key, 0)) for key in {**counts, **counted}}
    say = words(language)
    return [
        {
            "name": say.say(OTHER_TABLES[name])
            if section == "tables" and name in OTHER_TABLES
            else field_name(section, name, registry.find(section, name), language),
            "value": "",
            "count": number(count, 0, language),
            **_use(registry, section, name, language),
        }
        for (section, name), count in sorted(counts.items())
    ]


def _use(registry: PurposeRegistry, section: str, name: str, language: str) -> dict[str, str]:
    say, entry = words(language), registry.find(section, name)
    if entry is None and section == "tables":
        entry = registry.find("tables", "stage_changes")
    if entry is None:
        return {"basis": say.gettext("not stated yet"), "kept": say.gettext("not stated yet")}
    days = entry.retention_days
    return {
        "basis": say.say(BASES[entry.legal_basis]),
        "kept": say.ngettext("{n} day", "{n} days", days, n=number(days, 0, language)),
    }


def _shown(value: Any, language: str) -> str:
    say = words(language)
    if isinstance(value, bool):
        return say.gettext("yes") if value else say.gettext("no")
    return number(value, 0, language) if isinstance(value, float) and value.is_integer() else str(value)


def _access(item: Mapping[str, Any], language: str) -> dict[str, Any]:
    say = words(language)
    return {
        "day": date(dt.datetime.fromisoformat(item["day"]), language),
        "what": say.say(ACTIONS.get(item["action"], item["action"])),
        "by": say.say(ACTORS[item["by"]]),
        "times": item["times"],
    }
