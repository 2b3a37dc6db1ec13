"""The list that people open, from scores and canonical tables: account, owner, last touchpoint, what changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.records import OrderRecord
from features.timeline import from_micros
from models.answers.order_summary import OrderSummary, order_summary
from models.data_protection.crm_ids import AS_GIVEN, CrmIds
from models.presentation.list_file import ListedLead, change_words, list_frame, list_words
from pipeline.population.micros import micros
from pipeline.tables.duckdb import connect, text_literal
from pipeline.tables.merged_leads import merged_ids
from pipeline.tables.parquet import read_table

__all__ = ["list_of", "remember"]


def list_of(
    scores: pd.DataFrame,
    canonical: Path,
    language: str,
    link: str | None = None,
    former: pd.DataFrame | None = None,
    note: str | None = None,
    ids: CrmIds = AS_GIVEN,
    orders: Path | None = None,
) -> pd.DataFrame:
    """Lay scores out for people; one row per lead, in the scores' order, with headings in one language.

    Parameters
    ----------
    scores : DataFrame
        As `pipeline.scoring.rows.SCORES`, with reasons in the same language.
    canonical : Path
        Folder of canonical tables: account, owner and last touchpoint of the leads, as they were known at the export.
    language : {"en", "de"}
    link : str, optional
        Address of a lead in the CRM, with ``{lead_id}`` in it.
    former : DataFrame, optional
        The last list's lead_id, probability and tier; None: there is none, and nothing is said of changes.
    note : str, optional
        Of every row, one of the keys of `models.presentation.list_file.WORDS`: ``unpromoted``.
    ids : CrmIds
        Gives the CRM's ids and the owners' names where scores and tables hold pseudonyms.
    orders : Path, optional
        Folder of canonical tables with the orders of the leads' accounts, for a list of customers; None: of leads.
    """
    names = list_words(language)
    people = scores[["lead_id"]].merge(_people(canonical), on="lead_id", how="left")
    before = {} if former is None else _by_lead(former, merged_ids(canonical))
    scored_rows: list[Any] = list(scores.itertuples(index=False))
    persons: list[Any] = list(people.itertuples(index=False))
    bought = {} if orders is None else _summaries(orders, people, scores)
    leads = [
        ListedLead(
            ids.outward(score.lead_id),
            _text(person.account_id),
            ids.outward(_text(person.owner)),
            _number(score.probability),
            _number(score.low),
            _number(score.high),
            _text(score.tier),
            _text(score.not_scored),
            None if pd.isna(score.within_capacity) else bool(score.within_capacity),
            _text(score.reasons).split("; "),
            _text(score.advice_text),
            _text(score.open_questions),
            _text(score.next_content),
            _text(person.kind),
            _text(person.day),
            "" if former is None else _change(score, before, names),
            _text(score.warnings),
            *_bought(bought.get(person.account_id)),
        )
        for score, person in zip(scored_rows, persons, strict=True)
    ]
    return list_frame(leads, language, link, note, of_customers=orders is not None)


def _summaries(canonical: Path, people: pd.DataFrame, scores: pd.DataFrame) -> dict[Any, OrderSummary | None]:
    """Sum up each account's orders before its scores' moment."""
    table = read_table(canonical / "orders.parquet", "orders").to_pandas()
    table = table[table["account_id"].isin(people["account_id"].dropna())]
    product = table["product"] if "product" in table else pd.Series([None] * len(table), table.index)
    at = int(micros(pd.to_datetime(scores["snapshot_at"], utc=True)).max()) if len(scores) else 0
    placed: dict[Any, list[OrderRecord]] = {}
    rows = zip(table["account_id"], micros(table["ordered_at"]).tolist(), table["amount"], product, strict=True)
    for account, ordered_at, amount, bought in rows:
        record = OrderRecord(
            ordered_at, None if pd.isna(amount) else float(amount), None if pd.isna(bought) else bought
        )
        placed.setdefault(account, []).append(record)
    return {account: order_summary(records, at) for account, records in placed.items()}


def _bought(orders: OrderSummary | None) -> tuple[str, float | None, float | None]:
    if orders is None:
        return "", None, None
    return from_micros(orders.last_at).date().isoformat(), orders.rhythm_days, orders.value


def _by_lead(former: pd.DataFrame, merged: Mapping[str, str]) -> dict[Any, Any]:
    """Find the last list's row of each lead; of one that others were merged into its own, else the best of theirs."""
    rows: dict[Any, Any] = {}
    listed: list[Any] = list(former.itertuples(index=False))
    for row in listed:
        lead_id = merged.get(str(row.lead_id), row.lead_id)
        if lead_id not in rows or row.lead_id == lead_id:
            rows[lead_id] = row
    return rows


def _people(canonical: Path) -> pd.DataFrame:
    """Find each lead's account, newest owner, and last touchpoint with its day (UTC)."""

    def table(name: str) -> str:
        return f"read_parquet({text_literal(canonical / f'{name}.parquet')})"

    query = f"SELECT lead_id, account_id FROM {table('leads')}"
    joins = {
        "stage_changes": "SELECT lead_id, arg_max(owner, occurred_at) FILTER (owner IS NOT NULL) AS owner FROM {} GROUP BY 1",
        "touchpoints": "SELECT lead_id, arg_max(kind, (occurred_at, kind)) AS kind, "
        "strftime(max(occurred_at), '%Y-%m-%d') AS day FROM {} WHERE lead_id IS NOT NULL GROUP BY 1",
    }
    empty = {"stage_changes": ("owner",), "touchpoints": ("kind", "day")}
    with connect() as connection:
        for name, select in joins.items():
            if (canonical / f"{name}.parquet").exists():
                query = f"SELECT * FROM ({query}) LEFT JOIN ({select.format(table(name))}) USING (lead_id)"
            else:
                query = f"SELECT *, {', '.join(f'NULL::VARCHAR AS {column}' for column in empty[name])} FROM ({query})"
        frame: pd.DataFrame = connection.execute(query).df()
    return frame


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _change(score: Any, before: Mapping[str, Any], names: Mapping[Any, str]) -> str:
    """Say how a lead's tier and percent differ from the last list's."""
    last = before.get(score.lead_id)
    if last is None:
        return names["new"]
    now, then = ((_number(row.probability), _text(row.tier)) for row in (score, last))
    return change_words(now, then, names)


def remember(scores: pd.DataFrame, folder: Path) -> pd.DataFrame | None:
    """Keep this list's figures by the moment that it is of, and give the newest ones of an earlier moment (None: no earlier).

    Writing the list of one moment again compares it with the same earlier one.
    """
    if scores.empty:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    name = pd.Timestamp(scores["snapshot_at"].max()).tz_convert("UTC").strftime("%Y%m%dT%H%M%S%f.parquet")
    earlier = sorted(path for path in folder.glob("*.parquet") if path.name < name)
    scores[["lead_id", "probability", "tier"]].to_parquet(folder / name, index=False)
    return pd.read_parquet(earlier[-1]) if earlier else None
