"""From files to a proposal: the source's SQL, the preset, and what was concluded from what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from features.errors import DataError
from pipeline.onboarding.activities import find_activities
from pipeline.onboarding.attributes import find_attributes
from pipeline.onboarding.column_moments import UNREAD_DATES, with_order
from pipeline.onboarding.column_roles import created_column
from pipeline.onboarding.columns import Column, Table
from pipeline.onboarding.load import common_folder, distinct_files, load
from pipeline.onboarding.plan import OUTCOMES, SAME, Plan, Question
from pipeline.onboarding.questions import Ask, asker
from pipeline.onboarding.roles import Roles, assign_roles
from pipeline.onboarding.selectors import Selector, find_selectors
from pipeline.onboarding.stages import find_stages
from pipeline.onboarding.timing import Durations, find_export_moment, measure_durations
from pipeline.onboarding.trial import MOST_TRIAL_BYTES, NO_TRIAL, Trial, try_source
from pipeline.onboarding.write_preset import preset_yaml
from pipeline.onboarding.write_source import source_sql
from pipeline.tables.duckdb import Connection, connect, install_helpers
from pipeline.tables.personal_fields import PersonalFields

__all__ = ["Proposal", "propose"]

UNKNOWN = "unknown"
# What may be answered without being asked; `leads_per_week` is asked last.
ANSWERS = ("created_at", "dates", "exported_at", "leads_per_week", "people", "lead_id", "zone", *SAME, *OUTCOMES)
GERMAN = re.compile(r"\b(GmbH|AG|KG|e\.K\.|OHG|UG|mbH)\b")


@dataclass(frozen=True)
class Proposal:
    """What `init` writes and prints."""

    plan: Plan
    tables: list[Table]
    durations: Durations
    selectors: list[Selector]
    asked: list[tuple[Question, str]]
    raw_dir: Path
    sql: str
    preset: str
    fields: PersonalFields


def propose(paths: Sequence[Path], name: str, repository: Path, answers: Mapping[str, str], *, yes: bool) -> Proposal:
    """Look at exports and propose a source and a preset.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    name : str
        Of the source.
    repository : Path
        Files below it are named relative to it.
    answers : mapping of str to str
        What `--set` gave.
    yes : bool
        Nobody is asked.

    Raises
    ------
    DataError
        A file can't be read, nothing says who or what, or a question without a safe answer stays open.
    """
    folder = common_folder(paths)
    kept = distinct_files(paths)
    repeated = [path for path in paths if path not in kept]
    asked: list[tuple[Question, str]] = []
    ask = asker(answers, yes=yes, asked=asked)
    given = dict(answers)
    with connect() as connection:
        tables = [_with_orders(table, given) for table in load(connection, install_helpers(connection), kept, folder)]
        plan = _plan(connection, tables, name, given, ask)
        while open_orders := _open_orders(plan):
            given |= {question.key: answer for question, answer in asked}
            key, question = next(iter(open_orders.items()))
            given[key] = ask(question)
            tables = [_with_orders(table, given) for table in tables]
            asked.clear()
            ask = asker(given, yes=yes, asked=asked)
            plan = _plan(connection, tables, name, given, ask)
        _check_answers(answers, asked, tables)
        plan.notes += [f"{path.name} holds the same bytes as another file and is left out" for path in repeated]
        find_export_moment(connection, plan, paths, tables)
        if "exported_at" in answers:
            plan.exported_at, plan.exported_because = answers["exported_at"], "as you said"
        durations = measure_durations(connection, plan)
        if durations.qualified and durations.qualified == durations.mqls:
            plan.unsure.append(
                "every lead became qualified, so nothing can be learned from them: export the leads that did not, too"
            )
        selectors = find_selectors(connection, plan)
    per_week = _per_week(durations, ask)
    taken = [f"{question.text} {answer}. {question.because}" for question, answer in asked]
    raw_dir = folder.relative_to(repository.resolve()) if folder.is_relative_to(repository.resolve()) else folder
    sql = source_sql(plan, taken)
    trial = _trial(plan, paths, sql, folder)
    preset = preset_yaml(plan, durations, selectors, raw_dir.as_posix(), trial.shares, per_week, taken)
    return Proposal(plan, tables, durations, selectors, asked, raw_dir, sql, preset, trial.fields)


def _plan(connection: Connection, tables: list[Table], name: str, answers: Mapping[str, str], ask: Ask) -> Plan:
    roles = assign_roles(connection, tables, ask)
    plan = Plan(name, _zone(tables, ask), roles.people, roles.lead_id)
    plan.hashed_id = roles.lead_id.personal == "email"
    plan.created = _created(roles, answers)
    plan.unused = list(roles.unused)
    find_stages(connection, plan, roles, ask, dict(answers))
    find_activities(connection, plan, roles)
    if plan.created is None and not plan.stage_columns and not plan.histories and not plan.activities:
        unread = [c.name for c in plan.people.columns.values() if UNREAD_DATES in c.notes]
        which = f"Column(s) {', '.join(unread)} hold {UNREAD_DATES}." if unread else "No column holds moments."
        raise DataError(
            f"{plan.people.name}: nothing says when a lead came. {which} Export them like 2026-03-31 10:00 or 31.03.2026."
        )
    plan.unsure += [
        f"{table.name}: column {column.name} holds {UNREAD_DATES}, so it is not used; write them like 2026-03-31 10:00"
        for table in tables
        for column in table.columns.values()
        if UNREAD_DATES in column.notes
    ]
    plan.unsure += [
        f"{item.table.name}: no column of it names the people of {plan.people.name}, so its {item.table.rows:,} rows are "
        "visits of unknown people"
        for item in plan.activities
        if item.reference is None and not plan.identifications
    ]
    find_attributes(connection, plan, roles)
    return plan


def _zone(tables: list[Table], ask: Ask) -> str:
    """Ask for the time zone of moments that name none; the default follows the language of names and values."""
    moments = [c.moments for table in tables for c in table.moments() if c.moments is not None]
    if moments and all(way.has_zone for found in moments for way in found.formats):
        return ask(
            Question("zone", "In which time zone does the company work?", (), "UTC", "All moments name their offset.")
        )
    values = [v for table in tables for c in table.columns.values() for v in c.values]
    dotted = any(way.format.startswith("%d.%m.") for found in moments for way in found.formats[:1])
    month_first = any(found.order == "month" for found in moments)
    german = dotted or any(GERMAN.search(value) for value in values) or _german_names(tables)
    default = "Europe/Berlin" if german else "America/New_York" if month_first else "UTC"
    why = (
        "German words in them."
        if german
        else "Month before day in them."
        if month_first
        else "Nothing in them says which."
    )
    zone = ask(Question("zone", "In which time zone are moments without an offset?", (), default, why))
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(f"--set zone={zone}: not a time zone; use a name such as Europe/Berlin or UTC.") from error
    return zone


def _german_names(tables: list[Table]) -> bool:
    umlauts = sum(1 for table in tables for name in table.columns if re.search("[äöüßÄÖÜ]| am$", name))
    return umlauts >= 2


def _created(roles: Roles, answers: Mapping[str, str]) -> Column | None:
    named = answers.get("created_at")
    if named is None:
        return created_column(roles.people)
    moments = {column.name: column for column in roles.people.moments()}
    if named not in moments:
        raise DataError(
            f"--set created_at={named}: no such column of moments; there are {', '.join(moments) or 'none'}."
        )
    return moments[named]


def _check_answers(answers: Mapping[str, str], asked: list[tuple[Question, str]], tables: list[Table]) -> None:
    """Let no answer be passed over because its key is mistyped."""
    keys = {*ANSWERS, *(question.key for question, _ in asked)}
    columns = {f"dates:{name}" for table in tables for name in table.columns}
    for key in answers:
        if key not in keys | columns:
            raise DataError(f"--set {key}=...: nobody asks that; there are {', '.join(sorted(keys))}, dates:COLUMN.")


def _used_moments(plan: Plan) -> list[tuple[Table, Column]]:
    used = [(plan.people, plan.created)] if plan.created is not None else []
    used += [(item.table, item.column) for item in plan.stage_columns]
    used += [(item.table, item.moment) for item in plan.histories]
    return used + [(item.table, item.moment) for item in plan.activities]


def _with_orders(table: Table, answers: Mapping[str, str]) -> Table:
    """Settle day and month where an answer says which is first: `dates:COLUMN`, or `dates` for all."""
    said = {answer for name in table.columns if (answer := answers.get(f"dates:{name}"))}
    other = next(iter(said)) if len(said) == 1 else None  # one program wrote the file
    columns = {}
    for name, column in table.columns.items():
        order = answers.get(f"dates:{name}", answers.get("dates", other))
        if order not in (None, "day", "month"):
            raise DataError(f"--set dates:{name}={order}: allowed are day, month.")
        columns[name] = column if order is None else with_order(column, order == "day", "as you said")
    return replace(table, columns=columns)


def _open_orders(plan: Plan) -> dict[str, Question]:
    """List the columns that are used though day and month can't be told: a wrong order is another date in every row."""
    return {
        f"dates:{column.name}": Question(
            f"dates:{column.name}",
            f"Is day or month first in column {column.name} of {table.name}?",
            ("day", "month"),
            None,
            "No value has a part above 12, and no other column of the file decides. An answer holds for "
            "the file's other columns, too.",
        )
        for table, column in _used_moments(plan)
        if column.moments is not None and column.moments.is_open
    }


def _trial(plan: Plan, paths: Sequence[Path], sql: str, folder: Path) -> Trial:
    """Let `ingest` read the files once, where they are not large: what it sets aside is known before the first run."""
    if sum(path.stat().st_size for path in paths) > MOST_TRIAL_BYTES:
        plan.unsure.append(
            "the files are large, so that they were not read by ingest on trial; it will name the rows that are bad"
        )
        return NO_TRIAL
    trial = try_source(sql, folder)
    if trial.refusal is not None:
        plan.unsure.append(f"ingest will stop: {trial.refusal}")
    plan.unsure += trial.bad
    return trial


def _per_week(durations: Durations, ask: Ask) -> int | None:
    """Ask what sales can work; what it did work is no limit: with it every lead would lie within capacity."""
    because = (
        f"About {max(1, round(durations.per_week))} a week got an outcome in the files, which is not what sales could at most. "
        "Unknown: figures are of the best quarter."
    )
    answer = ask(Question("leads_per_week", "How many leads a week can sales work?", (), UNKNOWN, because))
    if answer == UNKNOWN:
        return None
    if not answer.isdigit() or int(answer) < 1:
        raise DataError(f"--set leads_per_week={answer}: expected a whole number of leads, at least 1, or {UNKNOWN}.")
    return int(answer)
