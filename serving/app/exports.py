"""Today's list as a file: the same leads in the same order as on the page, written as `pipeline.score` writes its lists."""

import io
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from features.timeline import from_micros
from features.wording.units import LANGUAGES
from models.presentation.list_file import ListedLead, change_words, list_frame, list_words, write_list
from serving.app.lead_list import filter_of, for_marketing, orders_of, shown_names
from serving.app.web import Visit
from serving.http.answers import Answer
from serving.http.lead_ids import lead_ids
from serving.scoring.scorer import Scorer
from serving.store.connect import Store
from serving.store.open_leads import OpenLead, list_open_leads

__all__ = ["MOST_ROWS", "export_answer"]

MOST_ROWS = 10_000
"""More than a person works; a list of that many takes seconds to write."""

_TYPES = {
    "xlsx": (b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    "csv": (b"text/csv; charset=utf-8", "csv-de"),
}


def export_answer(visit: Visit, store: Store, scorer: Scorer, link: str | None) -> tuple[Answer, list[str]]:
    """Write the part of the list that the page shows, without its limit to one page.

    Parameters
    ----------
    visit : Visit
        Its query holds filter and order, and `format`: ``xlsx`` or ``csv``; anything else is ``xlsx``.
    store : Store
    scorer : Scorer
        Whose list.
    link : str or None
        Address of a lead in the CRM, with ``{lead_id}`` in it.

    Returns
    -------
    answer : Answer
    lead_ids : list of str
        Whom it names.
    """
    wanted, _ = filter_of(visit.query, scorer.served_as, shown_names(scorer))
    zone = ZoneInfo(scorer.bundle.catalog.params.time_zone)
    ending = visit.query.get("format", "xlsx")
    ending = ending if ending in _TYPES else "xlsx"
    media_type, form = _TYPES[ending]
    language = visit.language if visit.language in LANGUAGES else LANGUAGES[0]
    with store.read() as connection:
        leads = list_open_leads(connection, wanted, 0, MOST_ROWS).leads
    file = io.BytesIO()
    names, ids = list_words(language), lead_ids()
    listed = [_listed(lead, language, names, zone) for lead in leads]
    if ids is not None:
        known = ids.names_of(text for lead in leads for text in (lead.lead_id, lead.owner or ""))
        listed = [
            one._replace(lead_id=known.get(one.lead_id, one.lead_id), owner=known.get(one.owner, one.owner))
            for one in listed
        ]
    write_list(list_frame(listed, language, link, of_customers=scorer.bundle.of_customers), file, form)
    name = f'attachment; filename="{scorer.served_as}.{ending}"'.encode("ascii")
    headers = ((b"content-disposition", name), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
    return Answer(file.getvalue(), headers=headers, media_type=media_type), [lead.lead_id for lead in leads]


def _listed(lead: OpenLead, language: str, names: Mapping[str | bool | None, str], zone: ZoneInfo) -> ListedLead:
    now, before = (lead.probability, lead.tier or ""), (lead.probability_before, "")
    touched = lead.last_touchpoint_at
    told = for_marketing(lead, language) or {"questions": [], "next_content": []}
    return ListedLead(
        lead.lead_id,
        lead.account_id or "",
        lead.owner or "",
        lead.probability,
        lead.low,
        lead.high,
        lead.tier or "",
        lead.not_scored or "",
        lead.within_capacity,
        [reason["text"] for reason in lead.details["reasons"][language]],
        lead.details.get("advice", {}).get(language, ""),
        "; ".join(told["questions"]),
        "; ".join(told["next_content"]),
        lead.last_touchpoint or "",
        "" if touched is None else from_micros(touched).astimezone(zone).date().isoformat(),
        change_words(now, before, names, tiers=False),
        ";".join(lead.details["warnings"]),
        *_orders(lead, zone),
    )


def _orders(lead: OpenLead, zone: ZoneInfo) -> tuple[str, float | None, float | None]:
    bought = orders_of(lead, zone)
    return ("", None, None) if bought is None else (bought["last"].isoformat(), bought["rhythm_days"], bought["value"])
