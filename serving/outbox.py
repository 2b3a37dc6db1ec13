"""Command `outbox`: list webhooks that wait or were given up, and leads that could not be scored for them; try again."""

import argparse
import datetime as dt
from pathlib import Path

from features.errors import LeadQualificationError
from features.timeline import from_micros, to_micros
from serving.store.connect import Store, store_url
from serving.store.outbox import count_events, list_events, retry_events
from serving.store.rescoring import count_leads, list_given_up, retry_leads

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
STATES = ("dead", "pending", "sent")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serving.outbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="list events, oldest first, without their contents")
    listing.add_argument("--state", choices=STATES, default="dead")
    listing.add_argument("--most", type=int, default=100, help="at most so many")
    again = commands.add_parser("retry", help="send dead events again")
    again.add_argument("event_ids", nargs="*", metavar="event_id", help="only these (default: all that are dead)")
    leads = commands.add_parser("leads", help="list the leads that could not be scored again, and why")
    leads.add_argument("--most", type=int, default=100, help="at most so many")
    leads.add_argument("--retry", action="store_true", help="score them again now")
    return parser.parse_args()


def main() -> None:
    """Show or retry events of the store of ``LEAD_STORE_URL``."""
    arguments = _arguments()
    try:
        store = Store(store_url(ROOT))
        if arguments.command == "retry":
            with store.write() as connection:
                count = retry_events(connection, arguments.event_ids or None, to_micros(dt.datetime.now(dt.UTC)))
            _say(f"outbox: {count:,} events will be sent again")
            return
        if arguments.command == "leads":
            _leads(store, arguments.most, arguments.retry)
            return
        with store.read() as connection:
            counts, events = count_events(connection), list_events(connection, arguments.state, arguments.most)
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    for event in events:
        made = from_micros(event["created_at"]).isoformat(timespec="seconds")
        _say(f"{event['event_id']}  {made}  attempts {event['attempts']}  {event['last_error'] or '-'}")
    _say("outbox: " + ", ".join(f"{counts.get(state, 0):,} {state}" for state in STATES))


def _leads(store: Store, most: int, again: bool) -> None:
    now = to_micros(dt.datetime.now(dt.UTC))
    if again:
        with store.write() as connection:
            count = retry_leads(connection, now)
        _say(f"outbox: {count:,} leads will be scored again")
        return
    with store.read() as connection:
        counts, leads = count_leads(connection, now), list_given_up(connection, now, most)
    for lead in leads:
        why = lead["last_error"] or "the process ended"
        _say(f"{lead['lead_id']}  attempts {lead['attempts'] + lead['given_up']}  {why}")
    _say(f"outbox: {counts['given_up']:,} leads given up, {counts['waiting']:,} waiting")


def _say(text: str) -> None:
    print(text)  # noqa: T201 its output


if __name__ == "__main__":
    main()
