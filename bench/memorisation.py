"""Does a model's answer tell whether a person was among those it learned from? `python -m bench.memorisation`.

Run it after `dvc repro` in the workspaces that are named, such as `runs/saas_logins`; without one, in the repository itself.

Membership inference by somebody who knows a person's features and outcome, in two standard attacks: a threshold on the loss
(Yeom et al. 2018, https://arxiv.org/abs/1709.01604), and the likelihood ratio of what reference models say that did and did not
learn from the person (Carlini et al. 2022, https://arxiv.org/abs/2112.03570). Members are half of the accounts before the test,
drawn at random; non-members a quarter, of the same months; the last quarter decides the number of trees and trains the model
that the zero is measured on: the same attack on a model that learned from neither. Thresholds are chosen on one half of the
accounts and judged on the other, and the other way round.

Attacked are the boosted trees, the part of a model that can memorise, on half of the accounts. `--record` writes the figures of
the present `train` section, and of the safest setting that was tried, into `params.yaml`, where the model card finds them.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from bench.membership_attacks import advantage, balanced_halves, likelihood_ratio, of_accounts
from models.fitting.binned_rows import BinnedRows, bin_rows
from models.fitting.boosting import train, train_part
from models.fitting.row_weights import row_groups, snapshot_weights
from models.fitting.splits import FITTED
from models.params import TrainParams
from pipeline.console import console, progress, run_main
from pipeline.matrix.labelled_rows import LabelledRows, read_labelled_rows
from pipeline.pages.memorisation import WANTED, training_id
from pipeline.params import load_params
from pipeline.workspaces.params_edit import write_section

ONE_SIDED = 1.645  # 95 %
MEMBERS, NON_MEMBERS, OUTSIDE = range(3)
SHARES = (0.5, 0.25, 0.25)


@dataclass(frozen=True)
class Result:
    """One workspace at one leaf size; advantages are means over repetitions, bounds hold for one sample of accounts.

    `log_loss` is that of the attacked trees on the test, which no threshold looked at.
    """

    workspace: str
    leaves: int
    leaf: int
    members: int
    non_members: int
    rounds: float
    loss: float
    loss_bound: float
    ratio: float
    ratio_bound: float
    zero_loss: float
    zero_ratio: float
    log_loss: float

    @property
    def bound(self) -> float:
        """The higher one of both bounds."""
        return max(self.loss_bound, self.ratio_bound)


class World:
    """The rows before the test, by account, and those of the test.

    Parameters
    ----------
    rows : LabelledRows
        As the stages wrote them.
    """

    def __init__(self, rows: LabelledRows) -> None:
        frame, fitted = rows.frame, rows.frame["slice"].isin(FITTED).to_numpy()
        self.labels = frame["label"].to_numpy(dtype=np.float64)
        weights = snapshot_weights(frame)
        _, self.account = np.unique(row_groups(frame)[fitted], return_inverse=True)
        self.accounts = int(self.account.max()) + 1
        names, categorical = rows.catalog.names, rows.catalog.categorical
        self.names, self.categorical = names, categorical
        self.test = (rows.matrix[~fitted], self.labels[~fitted], weights[~fitted])
        self.matrix, self.labels, self.weights = rows.matrix[fitted], self.labels[fitted], weights[fitted]
        self.binned: BinnedRows = bin_rows(self.matrix, self.labels, self.weights, names, categorical)

    def signed(self, model: Any) -> np.ndarray:
        """Give each row's log-odds, positive where the model is right."""
        sided: np.ndarray = model.predict_log_odds(self.matrix) * (2.0 * self.labels - 1.0)
        return sided

    def rows_of(self, chosen: np.ndarray) -> np.ndarray:
        """List the rows of accounts."""
        return np.flatnonzero(chosen[self.account])


def attack(world: World, params: TrainParams, references: int, seed: int) -> dict[str, Any]:
    """Draw members and others, train, and attack once."""
    random = np.random.default_rng(seed)
    part = random.choice(3, world.accounts, p=SHARES)
    inside, outside = world.rows_of(part == MEMBERS), world.rows_of(part == OUTSIDE)
    taken = [(world.matrix[of], world.labels[of], world.weights[of]) for of in (inside, outside)]
    target = train(*taken[0], params, world.names, world.categorical, valid=taken[1])
    rounds = max(target.rounds, 1)
    zero = train_part(world.binned, outside, params, rounds)
    learned = balanced_halves(references, world.accounts, random)
    said = [
        of_accounts(
            world.signed(train_part(world.binned, world.rows_of(which), params, rounds)), world.account, world.accounts
        )
        for which in learned
    ]
    asked = part != OUTSIDE
    member = part[asked] == MEMBERS
    found: dict[str, Any] = {"rounds": rounds, "members": int(member.sum()), "non_members": int((~member).sum())}
    for name, model in (("", target), ("zero_", zero)):
        signed = world.signed(model)
        loss = of_accounts(np.logaddexp(0.0, -signed), world.account, world.accounts)
        mean = of_accounts(signed, world.account, world.accounts)
        ratio = likelihood_ratio(mean, np.stack(said), learned)
        for kind, values in (("loss", -loss), ("ratio", ratio)):
            found[f"{name}{kind}"] = advantage(values[asked], member, random)
    matrix, labels, weights = world.test
    losses = np.logaddexp(0.0, -target.predict_log_odds(matrix) * (2.0 * labels - 1.0))
    found["log_loss"] = float(np.average(losses, weights=weights))
    return found


def summary(name: str, params: TrainParams, found: Sequence[dict[str, Any]]) -> Result:
    """Sum up the repetitions. They share their accounts, so they don't narrow the bound."""

    def mean(key: str) -> float:
        return float(np.mean([getattr(one[key], "value", one[key]) for one in found]))

    def bound(key: str) -> float:
        return mean(key) + ONE_SIDED * float(np.sqrt(np.mean([one[key].variance for one in found])))

    return Result(
        name,
        params.num_leaves,
        params.min_data_in_leaf,
        round(mean("members")),
        round(mean("non_members")),
        mean("rounds"),
        mean("loss"),
        bound("loss"),
        mean("ratio"),
        bound("ratio"),
        mean("zero_loss"),
        mean("zero_ratio"),
        mean("log_loss"),
    )


def main() -> None:
    """Attack the models of workspaces."""
    parser = argparse.ArgumentParser(prog="python -m bench.memorisation", description=__doc__)
    parser.add_argument("workspaces", nargs="*", type=Path, default=[Path()], help="folders in which `dvc repro` ran")
    parser.add_argument("--leaf", nargs="+", type=int, help="min_data_in_leaf to try beside that of params.yaml")
    parser.add_argument("--leaves", nargs="+", type=int, help="num_leaves to try beside that of params.yaml")
    parser.add_argument("--repeat", type=int, default=5, help="how often members are drawn")
    parser.add_argument("--references", type=int, default=16, help="reference models per repetition, an even number")
    parser.add_argument("--quick", action="store_true", help="one repetition with four reference models")
    parser.add_argument("--record", action="store_true", help="write the figures into params.yaml, for the model card")
    parser.add_argument("--out", type=Path, help="write the results here as JSON")
    arguments = parser.parse_args()
    repeat, references = (1, 4) if arguments.quick else (arguments.repeat, arguments.references)
    results = []
    with progress() as bar:
        for workspace in arguments.workspaces:
            params = load_params(("paths", "train"), workspace / "params.yaml")
            rows = read_labelled_rows(workspace / params.paths.data_dir)
            world, tried = World(rows), settings(params.train, arguments.leaves or [], arguments.leaf or [])
            task = bar.add_task(workspace.resolve().name, total=len(tried) * repeat)
            of_workspace = []
            for setting in tried:
                found = []
                for seed in range(repeat):
                    found.append(attack(world, setting, references, seed))
                    bar.advance(task)
                of_workspace.append(summary(workspace.resolve().name, setting, found))
            if arguments.record:
                record(workspace / "params.yaml", training_id(rows.data_sha256, params.train), of_workspace)
            results += of_workspace
    _show(results)
    if arguments.record:
        console.print("memorisation: params.yaml says so; `dvc repro report` writes the model card.")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n", encoding="utf-8")


def settings(train: TrainParams, leaves: Sequence[int], leaf: Sequence[int]) -> list[TrainParams]:
    """List what is tried: the present parameters first, then all pairs of the others.

    Examples
    --------
    >>> tried = settings(TrainParams(num_leaves=15, min_data_in_leaf=40), [4], [40, 160])
    >>> [(one.num_leaves, one.min_data_in_leaf) for one in tried]
    [(15, 40), (15, 160), (4, 40), (4, 160)]
    """
    pairs = {(train.num_leaves, train.min_data_in_leaf): None}
    pairs |= {(one, two): None for one in (train.num_leaves, *leaves) for two in (train.min_data_in_leaf, *leaf)}
    return [train.model_copy(update={"num_leaves": one, "min_data_in_leaf": two}) for one, two in pairs]


def record(params: Path, of: str, results: Sequence[Result]) -> None:
    """Write what was measured into `params.yaml`: of the present parameters, the first of the results, and of the safest."""
    present, safest = results[0], min(results, key=lambda one: one.bound)
    values: dict[str, float | str] = {
        "of": of,
        "accounts": present.members,
        "loss": round(present.loss, 4),
        "loss_bound": round(present.loss_bound, 4),
        "ratio": round(present.ratio, 4),
        "ratio_bound": round(present.ratio_bound, 4),
        "log_loss": round(present.log_loss, 5),
        "safest_num_leaves": safest.leaves,
        "safest_min_data_in_leaf": safest.leaf,
        "safest_bound": round(safest.bound, 4),
        "safest_log_loss": round(safest.log_loss, 5),
    }
    write_section(params, "memorisation", values)


def _show(results: Sequence[Result]) -> None:
    table = Table(title=f"advantage of an attack, upper 95 % bound; wanted {WANTED}")
    columns = (
        "workspace",
        "leaves",
        "leaf",
        "members",
        "others",
        "trees",
        "loss",
        "likelihood ratio",
        "zero: loss, ratio",
        "log loss",
        "",
    )
    for name in columns:
        table.add_column(name, justify="left" if name == "workspace" else "right")
    for one in results:
        table.add_row(
            one.workspace,
            f"{one.leaves:,}",
            f"{one.leaf:,}",
            f"{one.members:,}",
            f"{one.non_members:,}",
            f"{one.rounds:.0f}",
            f"{one.loss:+.3f}, {one.loss_bound:.3f}",
            f"{one.ratio:+.3f}, {one.ratio_bound:.3f}",
            f"{one.zero_loss:+.3f}, {one.zero_ratio:+.3f}",
            f"{one.log_loss:.4f}",
            "[green]held[/green]" if one.bound <= WANTED else "[red]missed[/red]",
        )
    console.print(table)


if __name__ == "__main__":
    run_main(main)
