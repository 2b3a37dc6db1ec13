from pathlib import Path

import pytest
import yaml

from features.errors import ParameterError
from pipeline.params import Params, load_params


def written(tmp_path: Path, root: Path, change) -> Path:
    values = yaml.safe_load((root / "params.yaml").read_text())
    change(values)
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_the_repository_s_file_holds_every_section(root) -> None:
    sections = tuple(Params.model_fields)
    loaded = load_params(sections, root / "params.yaml")
    assert set(type(loaded).model_fields) == set(sections)


def test_a_section_that_was_not_asked_for_is_not_reachable(root) -> None:
    loaded = load_params(("paths",), root / "params.yaml")
    with pytest.raises(AttributeError):
        _ = loaded.train


def test_of_a_section_of_which_keys_are_named_nothing_else_is_reachable(root) -> None:
    loaded = load_params(("paths", "train.seed", "train.num_threads"), root / "params.yaml")
    assert (loaded.train.seed, loaded.train.num_threads) == (7, 2)
    with pytest.raises(AttributeError):
        _ = loaded.train.num_leaves


def test_what_was_not_named_of_a_section_is_not_read_and_what_was_is_checked(tmp_path, root) -> None:
    path = written(tmp_path, root, lambda p: p["train"].update(seed="seven", num_leaves=0))
    with pytest.raises(ParameterError, match=r"1 bad value.*\n  train\.seed: Input should be a valid integer"):
        load_params(("train.seed",), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["train"].update(learning_rte=0.1), r"train\.learning_rte: Extra inputs are not permitted"),
        (lambda p: p["train"].update(learning_rate=-1), r"train\.learning_rate: .*greater than 0 \(got -1\)"),
        (
            lambda p: p["features"].update(windows_days=[7, 999]),
            r"windows_days: 999 is not within 1\.\.observation_days",
        ),
        (lambda p: p["features"].update(engine="duckdb"), r"features\.engine: .*write features\.engine: local"),
        (lambda p: p["features"].update(engine="flink"), r"features\.engine: Input should be 'local' or 'spark'"),
        (lambda p: p["capacity"].update(share=0.1), r"set exactly one of share and leads_per_week"),
        (lambda p: p.update(trian={}), r"unknown section\(s\) 'trian'\. Allowed: .*train"),
        (lambda p: p.pop("split"), r"section\(s\) 'split' missing"),
        (lambda p: p["ingest"].update(source="../etc"), r"ingest\.source: String should match"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, root, change, message) -> None:
    path = written(tmp_path, root, change)
    with pytest.raises(ParameterError, match=message):
        load_params(tuple(Params.model_fields), path)


def test_a_missing_file_says_where_to_run(tmp_path) -> None:
    with pytest.raises(ParameterError, match="Run from the repository root"):
        load_params(("paths",), tmp_path / "params.yaml")


def test_sections_are_immutable(root) -> None:
    loaded = load_params(("train",), root / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        loaded.train.seed = 1
