"""Command `outbox`: list the webhooks that wait or were given up, and send the latter again."""

import argparse
import datetime as dt
from pathlib import Path

from features.errors import LeadQualificationError
from features.timeline import from_micros, to_micros
from serving.store.connect import Store, store_url
from serving.store.outbox import count_events, list_events, retry_events

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
        with store.read() as connection:
            counts, events = count_events(connection), list_events(connection, arguments.state, arguments.most)
    except LeadQualificationError as error:
        raise SystemExit(str(error)) from None
    for event in events:
        made = from_micros(event["created_at"]).isoformat(timespec="seconds")
        _say(f"{event['event_id']}  {made}  attempts {event['attempts']}  {event['last_error'] or '-'}")
    _say("outbox: " + ", ".join(f"{counts.get(state, 0):,} {state}" for state in STATES))


def _say(text: str) -> None:
    print(text)  # noqa: T201 its output


if __name__ == "__main__":
    main()
