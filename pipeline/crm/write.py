"""Scores on their way into a CRM: what is new of them, whom they may be written to, and what the CRM acknowledged."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.crm.ledger import Ledger, Value

__all__ = ["Answer", "Current", "Outcome", "Receiver", "Refusal", "Update", "changed", "push", "select"]

ROUNDS = 3
CLOSE = 5e-5  # of two numbers: a CRM keeps four digits


@dataclass(frozen=True)
class Update:
    """The values that one record's fields shall have; None empties a field."""

    lead_id: str
    values: dict[str, Value]


@dataclass(frozen=True)
class Refusal:
    """Why the CRM did not take a record: its own code, and whether it may next time."""

    reason: str
    again: bool


@dataclass
class Answer:
    """What became of a batch: the records taken, the ones refused, and those that stand for no record any more.

    `retired` gives the id that the record was merged into; None: it was deleted.
    """

    taken: list[str] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)
    retired: dict[str, str | None] = field(default_factory=dict)

    def __or__(self, other: "Answer") -> "Answer":
        """Put the answers about two batches together."""
        return Answer(self.taken + other.taken, self.refused | other.refused, self.retired | other.retired)


@dataclass(frozen=True)
class Current:
    """What the fields of records hold now, by lead_id, and which ids stand for no record any more (as in `Answer`)."""

    values: dict[str, dict[str, object]]
    retired: dict[str, str | None] = field(default_factory=dict)


class Receiver(Protocol):
    """What a push needs of a CRM."""

    batch_size: int
    pause: Callable[..., None]

    def current(self, batch: Sequence[Update]) -> Current:
        """Read what the fields of records hold; a record that the CRM does not mention is left to `send`."""

    def send(self, batch: Sequence[Update]) -> Answer:
        """Update records in one call."""


@dataclass
class Outcome:
    """What became of a push, by lead_id.

    Attributes
    ----------
    todo : list of Update
        What is sent, or would be.
    edited : dict
        Records that a person edited, with what their fields hold; they were left as they are.
    retired : dict
        Ids that stand for no record any more.
    refused : dict
    """

    todo: list[Update] = field(default_factory=list)
    edited: dict[str, dict[str, object]] = field(default_factory=dict)
    retired: dict[str, str | None] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)


def changed(wanted: Sequence[Update], acknowledged: Mapping[str, dict[str, Value]]) -> list[Update]:
    """Leave out the records whose fields already hold these values."""
    return [update for update in wanted if acknowledged.get(update.lead_id) != update.values]


def select(
    wanted: Sequence[Update],
    receiver: Receiver,
    ledger: Ledger,
    retired: Mapping[str, str | None],
    *,
    again: bool = False,
    overwrite_edited: bool = False,
    seen: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Choose what is sent. It asks the CRM what the fields hold, and changes nothing.

    Parameters
    ----------
    wanted : sequence of Update
        Of all leads, each at most once.
    receiver : Receiver
    ledger : Ledger
        What the CRM acknowledged.
    retired : mapping
        Ids that the last pull found to stand for no record any more.
    again : bool
        Also what was acknowledged already.
    overwrite_edited : bool
        Also records whose fields hold something that was not written from here: a person edited them.
    seen : callable
        Hears of records that were looked at.
    """
    acknowledged = ledger.read()
    outcome = Outcome(retired={item.lead_id: retired[item.lead_id] for item in wanted if item.lead_id in retired})
    alive = [update for update in wanted if update.lead_id not in retired]
    todo = alive if again else changed(alive, acknowledged)
    seen(len(wanted) - len(todo))
    held: dict[str, dict[str, object]] = {}
    for batch in _batches(todo, receiver.batch_size):
        now = receiver.current(batch)
        held |= now.values
        outcome.retired |= now.retired
        seen(len(batch))
    known = dict(retired) | outcome.retired
    ours: dict[
        str, list[dict[str, Value]]
    ] = {}  # what was written from here, under this id or one that was merged into it
    for lead_id, values in acknowledged.items():
        into = known.get(lead_id, lead_id)
        if into is not None:
            ours.setdefault(into, []).append(values)
    for update in todo:
        fields = held.get(update.lead_id, {})
        if update.lead_id in outcome.retired:
            continue
        written = [update.values, *ours.get(update.lead_id, [])]
        if overwrite_edited or _is_empty(fields) or any(_same(fields, values) for values in written):
            outcome.todo.append(update)
        else:
            outcome.edited[update.lead_id] = fields
    return outcome


def push(
    outcome: Outcome,
    receiver: Receiver,
    ledger: Ledger,
    seen: Callable[[int], None] = lambda _: None,
) -> None:
    """Send what was selected, in batches, and note after each what was acknowledged; `outcome` says what became of it.

    A record that turns out to be merged has taken values that were meant for an old id: the surviving one's own are sent after
    it, where there are any.

    Raises
    ------
    CrmError
        As the receiver raises it; what was acknowledged until then is in the ledger.
    """
    todo, wanted = list(outcome.todo), {update.lead_id: update for update in outcome.todo}
    for turn in range(1, ROUNDS + 1):
        later: dict[str, Update] = {}
        for batch in _batches(todo, receiver.batch_size):
            answer = receiver.send(batch)
            taken = set(answer.taken)
            ledger.write([(update.lead_id, update.values) for update in batch if update.lead_id in taken])
            outcome.retired |= answer.retired
            for update in batch:
                outcome.refused.pop(update.lead_id, None)
                if update.lead_id in taken:
                    continue
                if update.lead_id in answer.retired:
                    into = answer.retired[update.lead_id]
                    if into is not None:
                        ledger.write([(into, update.values)])
                        if into in wanted:
                            later[into] = wanted[into]
                    continue
                why = answer.refused.get(update.lead_id, Refusal("no answer about this record", again=True))
                outcome.refused[update.lead_id] = why
                if why.again:
                    later[update.lead_id] = update
            seen(sum(update.lead_id not in later for update in batch))
        todo = list(later.values())
        if not todo:
            break
        if turn < ROUNDS:
            receiver.pause(turn)


def _batches(updates: Sequence[Update], size: int) -> Iterable[Sequence[Update]]:
    return (updates[start : start + size] for start in range(0, len(updates), size))


def _is_empty(held: Mapping[str, object]) -> bool:
    return all(value is None or value == "" for value in held.values())


def _same(held: Mapping[str, object], values: Mapping[str, Value]) -> bool:
    return all(_equal(held.get(name), value) for name, value in values.items())


def _equal(held: object, value: Value) -> bool:
    if value is None or value == "":
        return held is None or held == ""
    if isinstance(value, float):
        try:
            return abs(float(str(held)) - value) < CLOSE
        except ValueError:
            return False
    return " ".join(str(held or "").split()) == " ".join(str(value).split())
