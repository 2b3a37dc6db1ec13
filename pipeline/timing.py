"""Stage `timing`: when to hand over, learned from first contacts and weeks in the queue; a backtest on later leads."""

from dataclasses import replace

from pipeline.console import console, run_main
from pipeline.handover.backtest import backtest, facts_of_training, trajectories
from pipeline.handover.history import read_history
from pipeline.handover.influence import influence_lines
from pipeline.handover.learn import learn_timing, reason_for_none
from pipeline.params import load_params
from pipeline.tables.json_files import records, write_json

__all__ = ["SECTIONS", "main"]

SECTIONS = (
    "calibration.interval",
    "capacity",
    "decision",
    "features",
    "labels.recording_delay_days",
    "paths",
    "timing",
)
WHY = {
    "no_handovers": "the source tells of no hand-over",
    "too_few_calls": "too few first contacts have a known outcome (timing.min_calls)",
    "too_few_weeks": "too few weeks went by without a call (timing.min_pairs)",
}


def main() -> None:
    """Read canonical tables, risk periods and slices; write `data/timing`, `metrics/timing.json` and the rows of its plot."""
    params = load_params(SECTIONS)
    data, metrics, plots = params.paths.data_dir, params.paths.metrics_dir, params.paths.plots_dir
    history = read_history(params, data)
    missing = reason_for_none(None if history is None else history.before, params.timing)
    folder = data / "timing"
    folder.mkdir(parents=True, exist_ok=True)
    if missing or history is None:
        (folder / "timing.json").write_text("null\n", encoding="utf-8")
        write_json(metrics / "timing.json", {"missing": missing})
        write_json(plots / "timing.json", [])
        console.print(
            f"timing: no advice about when to call: {WHY[missing or 'no_handovers']}. docs/timing.md has more."
        )
        return
    before, after = history.before, history.after
    timing, fitted = learn_timing(
        before,
        history.catalog,
        params.timing,
        params.capacity,
        params.decision,
        params.calibration.interval,
        history.start,
    )
    timing = replace(timing, next_content=history.next_content)
    for name, text in timing.texts().items():
        (folder / name).write_text(text, encoding="utf-8")
    training, test = facts_of_training(before, fitted), backtest(timing, after)
    result = {"missing": None, "training": training, "test": test, "price": timing.facts["price"]}
    result["own_influence"] = history.own_influence
    write_json(metrics / "timing.json", result)
    write_json(plots / "timing.json", records(trajectories(timing, after)))
    for line in influence_lines(history.own_influence):
        console.print(f"timing: {line}")
    console.print(
        f"timing: {training['calls']:,} first contacts, {before.queue.pairs:,} weeks without a call; on "
        f"{test['calls']:,} later contacts AUC {test['auc'] or float('nan'):.3f}, {test['held'] or 0.0:.0%} of looks held"
    )


if __name__ == "__main__":
    run_main(main)
