"""What `pipeline.population.machine_traffic` found, in the words of people, in English and German."""

from collections.abc import Mapping
from typing import Any

from pipeline.pages.html import number, percent
from pipeline.population.machine_traffic import AT_ONCE_SECONDS, LINKS

__all__ = ["busy_sentence", "mail_sentences", "traffic_lines"]

NAMED = 20


def busy_sentence(leads: int, touchpoints: int, language: str) -> str:
    """Say how many leads have a machine's volume."""
    count = number(touchpoints, 0, language)
    if language == "de":
        who = "1 Lead hat" if leads == 1 else f"{number(leads, 0, language)} Leads haben"
        return f"{who} so viele Kontaktpunkte, wie kein Mensch sie macht ({count}): Bots?"
    who = "1 lead has" if leads == 1 else f"{number(leads, 0, language)} leads have"
    return f"{who} more touchpoints than people make ({count}): bots?"


def mail_sentences(mails: Mapping[str, Any], language: str) -> list[str]:
    """Say which opens and clicks of mails machines made; nothing where there are no mails.

    Parameters
    ----------
    mails : mapping
        The fields of `pipeline.population.machine_traffic.MailTraffic`.
    language : {"en", "de"}
    """

    def part(name: str, whole: str) -> str:
        share = percent(mails[name] / mails[whole], language)
        of = {"en": "of", "de": "von"}[language]
        return f"{number(mails[name], 0, language)} {of} {number(mails[whole], 0, language)} ({share})"

    german, found = language == "de", []
    if mails["clicks"]:
        clicks = part("machine_clicks", "clicks")
        found.append(
            f"Klicks in Mails, die eher ein Scanner machte: {clicks}; {LINKS} verschiedene Links oder mehr binnen "
            f"{AT_ONCE_SECONDS} Sekunden, oder binnen {AT_ONCE_SECONDS} Sekunden nach dem Versand."
            if german
            else f"Clicks in mails that rather a scanner made: {clicks}; {LINKS} or more different links within "
            f"{AT_ONCE_SECONDS} seconds, or within {AT_ONCE_SECONDS} seconds of the sending."
        )
    if mails["comparable_opens"]:
        opens = part("opens_at_once", "comparable_opens")
        found.append(
            f"Öffnungen binnen {AT_ONCE_SECONDS} Sekunden nach dem Versand, eher die eines Proxys: {opens}, deren Versand "
            "bekannt ist."
            if german
            else f"Opens within {AT_ONCE_SECONDS} seconds of the sending, rather by a proxy: {opens} whose sending is known."
        )
    elif mails["opens"]:
        opens = number(mails["opens"], 0, language)
        found.append(
            f"Ob Proxys Mails öffneten, ist nicht zu sehen: Zu keiner von {opens} Öffnungen ist der Versand bekannt "
            "(Kontaktpunkte mail_sent)."
            if german
            else f"Whether proxies opened mails can't be seen: of none of {opens} opens is the sending known (touchpoints "
            "mail_sent)."
        )
    return found


def traffic_lines(traffic: Mapping[str, Any]) -> list[str]:
    """Say it in a few lines for a terminal, with the ids of the busiest leads.

    Parameters
    ----------
    traffic : mapping
        The fields of `pipeline.population.machine_traffic.MachineTraffic`.
    """
    leads, lines = traffic["leads"], []
    if leads:
        lines.append(busy_sentence(len(leads), sum(lead["touchpoints"] for lead in leads), "en"))
        for lead in leads[:NAMED]:
            day = f", {lead['on_busiest_day']:,} of them on {lead['busiest_day']}" if lead["busiest_day"] else ""
            lines.append(f"  {lead['lead_id']}: {lead['touchpoints']:,} touchpoints{day}")
        if len(leads) > NAMED:
            lines.append(f"  and {len(leads) - NAMED:,} more; docs/your-own-data.md says how to list them all")
    return lines + mail_sentences(traffic["mails"], "en")
