"""Writes the score log in a thread: requests hand their answers over and go on."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.answers.scoring import Score
from models.monitoring.score_log import LogSettings, Model, Record, log_table, write_log_file, writer_name

__all__ = ["ScoreLogWriter"]

MOST_ROWS = 20_000  # that wait; at 272 features 22 MB. What comes while so many wait is dropped, and counted
ROWS_PER_FILE = 5_000

Decisions = Sequence[Mapping[str, Any] | None]

_log = logging.getLogger("bentoml.lead_qualification.score_log")


class ScoreLogWriter:
    """Takes answers without ever blocking or failing a request.

    Memory is bounded: what comes while `most_rows` wait is dropped. A file that can't be written loses its rows, too; both are
    counted in `dropped` and said in the process's log.

    Parameters
    ----------
    settings : LogSettings
        Where, which leads, how often.
    model : Model
        Who answers.
    origin : str
        As in `log_table`.
    most_rows, rows_per_file : int
        How many may wait, and how many are written at once.

    Attributes
    ----------
    is_erased : callable
        Asked for each lead when rows are written; nothing is written of a lead that was erased meanwhile.
    """

    def __init__(
        self,
        settings: LogSettings,
        model: Model,
        origin: str = "service",
        most_rows: int = MOST_ROWS,
        rows_per_file: int = ROWS_PER_FILE,
    ) -> None:
        self.settings = settings
        self.model = model
        self.is_erased: Callable[[str], bool] = lambda lead_id: False
        self.written = 0
        self.dropped = 0
        self._origin = origin
        self._most = most_rows
        self._per_file = rows_per_file
        self._name = writer_name()
        self._files = 0
        self._waiting: deque[tuple[int, Sequence[Score], Sequence[Sequence[str]], str, Decisions]] = deque()
        self._rows = 0
        self._closing = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="score-log", daemon=True)
        self._thread.start()

    def add(
        self,
        scored_at: int,
        scores: Sequence[Score],
        touchpoint_ids: Sequence[Sequence[str]] = (),
        origin: str = "",
        decisions: Decisions = (),
    ) -> None:
        """Hand over the answers of one request; each must hold its feature vector.

        Parameters
        ----------
        scored_at : int
            UTC microseconds.
        scores : sequence of Score
        touchpoint_ids : sequence of sequence of str
            Per score, as `Record` has them; empty: none of any.
        origin : str
            As `Record` has it.
        decisions : sequence of mapping or None
            Per score, as `models.answers.decision.decision_json` writes one; empty: not known.
        """
        with self._turn:
            if self._closing or self._rows + len(scores) > self._most:
                self.dropped += len(scores)
                return
            self._waiting.append(
                (scored_at, scores, touchpoint_ids or [()] * len(scores), origin, decisions or [None] * len(scores))
            )
            self._rows += len(scores)
            if self._rows >= self._per_file:
                self._turn.notify()

    def close(self) -> None:
        """Write what waits, and stop; may be called again."""
        with self._turn:
            self._closing = True
            self._turn.notify()
        self._thread.join()

    def _work(self) -> None:
        said = 0
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closing or self._rows >= self._per_file, self.settings.seconds)
                taken, self._waiting = self._waiting, deque()
                rows, self._rows, closing = self._rows, 0, self._closing
            if rows:
                records = [record for item in taken for record in _records(*item)]
                # Who was erased while a row waited must not come back with it
                self._write([record for record in records if not self.is_erased(record.lead_id)])
            if self.dropped > said:
                said = self.dropped
                _log.warning("score log: %d rows written, %d dropped so far", self.written, said)
            if closing:
                return

    def _write(self, records: list[Record]) -> None:
        try:
            table = log_table(records, self.model, self._origin, self.settings)
            if len(table):
                write_log_file(self.settings.folder, self._name, self._files, table)
                self._files += 1
                self.written += len(table)
        except (OSError, pa.ArrowException) as error:
            # A full disk must not stop scoring; the next file may be written again
            with self._turn:
                self.dropped += len(records)
            _log.warning(
                "score log: %d rows lost, as a file in %s can't be written: %s",
                len(records),
                self.settings.folder,
                error,
            )


def _records(
    scored_at: int, scores: Sequence[Score], touchpoint_ids: Sequence[Sequence[str]], origin: str, decisions: Decisions
) -> list[Record]:
    return [
        Record(
            scored_at=scored_at,
            lead_id=score.lead_id,
            snapshot_at=score.snapshot_at,
            probability=score.probability,
            low=score.low,
            high=score.high,
            tier=score.tier,
            not_scored=score.not_scored,
            warnings=tuple(warning.code for warning in score.warnings),
            vector=score.vector,
            touchpoint_ids=ids,
            origin=origin,
            advice=None if decision is None else decision.get("advice"),
            within_capacity=None if decision is None else decision.get("within_capacity"),
        )
        for score, ids, decision in zip(scores, touchpoint_ids, decisions, strict=True)
        if score.vector is not None
    ]
