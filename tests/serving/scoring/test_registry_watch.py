"""A new champion is picked up under load, nothing dropped or mixed; a damaged one, or a lost registry, changes nothing."""

import datetime as dt
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from features.timeline import to_micros
from models.bundle import Bundle, bundle_hash
from serving.scoring.model_check import ModelRefusedError, ModelUncheckedError
from serving.scoring.refused_models import RefusedModels
from serving.scoring.registry import Champion
from serving.scoring.registry_watch import ChampionNotice, RegistryWatch
from serving.scoring.scorer import Scorer
from serving.scoring.worker import Worker
from tests import altered_bundles
from tests.serving.running import access_lines

NAME = "lead-qualification"
LOOPS = 4


class Store:
    """A real MLflow store on disk with bundles registered in it."""

    def __init__(self, place: Path) -> None:
        self.place, self.address = place, f"sqlite:///{place / 'registry.db'}"

    def client(self) -> Any:
        import mlflow

        return mlflow.MlflowClient(tracking_uri=self.address, registry_uri=self.address)

    def register(self, bundle: Bundle, name: str = NAME) -> str:
        """Register a bundle as publishing does; return its version."""
        client = self.client()
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        folder = self.place / f"logged-{len(client.search_model_versions('')) + 1}"
        bundle.save(folder / "artifacts" / "bundle")
        tags = {"bundle_sha256": bundle_hash(folder / "artifacts" / "bundle")}
        return str(client.create_model_version(name, folder.as_uri(), tags=tags).version)

    def register_altered(self, good: str, changed: dict[str, bytes]) -> str:
        """Register a copy of a version with changed files, and checksums and tags that fit; return its version."""
        client = self.client()
        folder = self.place / f"logged-{len(client.search_model_versions('')) + 1}"
        (folder / "artifacts").mkdir(parents=True)
        bundle = altered_bundles.write(folder / "artifacts" / "bundle", self.logged(good), changed)
        tags = {"bundle_sha256": bundle_hash(bundle)}
        return str(client.create_model_version(NAME, folder.as_uri(), tags=tags).version)

    def promote(self, version: str, name: str = NAME) -> None:
        self.client().set_registered_model_alias(name, "champion", version)

    def logged(self, version: str) -> Path:
        return self.place / f"logged-{version}" / "artifacts" / "bundle"


@pytest.fixture
def store(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Return a store with two versions that score differently; the first is champion."""
    import mlflow

    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"):
        monkeypatch.setenv(name, "0")
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    made = Store(tmp_path)
    made.register(bundle)
    made.register(replace(bundle, cutoffs={"A": 0.0, "B": 0.0, "C": 0.0}))  # all leads are A
    made.promote("1")
    yield made
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def _settings(store: Store, tmp_path: Path) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": store.address,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "LEAD_RELOAD_SECONDS": "0.3",
        "LEAD_WORKERS": "2",
        "LEAD_LAST_GOOD_DIR": str(tmp_path / "last_good"),
        "BENTOML_HOME": str(tmp_path / "bentoml"),
    }


@contextmanager
def _asking(client: Any, leads: list[dict[str, Any]], **options: Any) -> Iterator[list[tuple[int, Any]]]:
    """Send requests one after the other, in several threads, until the block ends."""
    answers: list[tuple[int, Any]] = []
    stop = threading.Event()

    def ask(number: int) -> None:
        for lead in itertools.islice(itertools.cycle(leads), number, None):
            if stop.is_set():
                return
            answers.append(client.post({"leads": [lead], "reasons": 0, **options}))

    with ThreadPoolExecutor(LOOPS) as pool:
        running = [pool.submit(ask, number) for number in range(LOOPS)]
        try:
            yield answers
        finally:
            stop.set()
            for one in running:
                one.result()


def _until(what: Callable[[], bool]) -> None:
    for _ in range(6000):  # of a tenth of a second at least: a check of a model starts a process of its own
        if what():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen")


def _versions(answers: list[tuple[int, Any]], last: int) -> set[str]:
    return {answer["model"]["version"] for _, answer in answers[-last:]}


def test_promotion_and_rollback_under_load_drop_and_mix_nothing(
    root: Path, store: Store, serving_at: Any, leads: list[dict[str, Any]], tmp_path: Path
) -> None:
    target, log = "serving.service:LeadQualification", tmp_path / "log.txt"
    with serving_at(target, root, log, _settings(store, tmp_path)) as client, _asking(client, leads[:8]) as answers:
        for version in ("1", "2", "1"):
            store.promote(version)
            begin = len(answers)
            _until(lambda v=version, b=begin: len(answers) > b + 60 and _versions(answers, 40) == {v})  # type: ignore[misc]
        tampered = store.logged("2") / "tiers.json"
        good = tampered.read_text(encoding="utf-8")
        tampered.write_text(good.replace("0.0", "1.0"), encoding="utf-8")
        store.promote("2")
        _until(lambda: _refused(client) >= 1)
        assert client.get("/ready")[0] == 200
        begin = len(answers)
        _until(lambda: len(answers) > begin + 60)
        assert _versions(answers, 40) == {"1"}
        tampered.write_text(good, encoding="utf-8")
        begin = len(answers)
        _until(lambda: len(answers) > begin + 60 and _versions(answers, 40) == {"2"})
    assert {status for status, _ in answers} == {200}
    seen = {(answer["model"]["version"], answer["leads"][0]["tier"]) for _, answer in answers}
    assert {tier for version, tier in seen if version == "2"} == {"A"}
    assert {tier for version, tier in seen if version == "1"} > {"A"}
    text = log.read_text(encoding="utf-8")
    assert "is not the bundle that was registered" in text
    # Opening a registry's database silences no logger: not of the process that opens it, and not of the workers
    assert "version 2 takes the place of version 1" in text
    assert "serving lead-qualification version 2" in text
    assert sum(line["path"] == "/score" for line in access_lines(log)) == len(answers)


def test_promoting_one_of_two_models_under_load_leaves_the_other_ones_answers_alone(
    root: Path,
    store: Store,
    bundle: Bundle,
    upsell_bundle: Bundle,
    serving_at: Any,
    leads: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    upsell, all_are_a = "acme-upsell", {"A": 0.0, "B": 0.0, "C": 0.0}
    store.register(upsell_bundle, upsell)
    store.register(replace(upsell_bundle, cutoffs=all_are_a), upsell)
    store.promote("1", upsell)
    registered, some = {"leads": NAME, "upsell": upsell}, leads[:8]
    versions = {
        (name, version): Scorer(made, registered[name], version, served_as=name)
        for name, of in (("leads", bundle), ("upsell", upsell_bundle))
        for version, made in (("1", of), ("2", replace(of, cutoffs=all_are_a)))
    }
    now = to_micros(dt.datetime.now(dt.UTC))
    alone = {
        (name, version, lead["lead_id"]): json.loads(
            scorer.answer(json.dumps({"leads": [lead], "reasons": 0}).encode(), now, may_debug=False)[0]
        )
        for (name, version), scorer in versions.items()
        for lead in some
    }
    settings = _settings(store, tmp_path) | {
        "LEAD_MODELS": ",".join(f"{name}=registry:{of}@champion" for name, of in registered.items())
    }
    with (
        serving_at("serving.service:LeadQualification", root, tmp_path / "log.txt", settings) as client,
        _asking(client, some, model="leads") as of_leads,
        _asking(client, some, model="upsell") as of_upsell,
    ):
        answers = {"leads": of_leads, "upsell": of_upsell}

        def answered_by(versions: dict[str, str], since: dict[str, int]) -> bool:
            return all(
                len(answers[name]) > since[name] + 60 and _versions(answers[name], 40) == {version}
                for name, version in versions.items()
            )

        for promoted, other in (("upsell", "leads"), ("leads", "upsell")):
            until_here = len(answers[other])
            for version in ("1", "2", "1"):
                store.promote(version, registered[promoted])
                since = {name: len(of) for name, of in answers.items()}
                _until(lambda p=promoted, o=other, v=version, s=since: answered_by({p: v, o: "1"}, s))  # type: ignore[misc]
            assert _versions(answers[other], len(answers[other]) - until_here) == {"1"}
    for name, of in answers.items():
        assert {status for status, _ in of} == {200}
        assert {answer["model"]["version"] for _, answer in of} == {"1", "2"}
        for _, answer in of:
            assert answer == alone[name, answer["model"]["version"], answer["leads"][0]["lead_id"]]


def _metrics(client: Any) -> str:
    status, text = client.get("/metrics")
    assert status == 200, text
    return str(text.decode())


def _refused(client: Any) -> float:
    lines = _metrics(client).splitlines()
    begin = 'lead_registry_looks{model="leads",outcome="refused"}'
    return float(next((line.split()[-1] for line in lines if line.startswith(begin)), 0))


def test_without_the_registry_the_last_good_champion_serves(
    root: Path, store: Store, serving_at: Any, leads: list[dict[str, Any]], tmp_path: Path
) -> None:
    target, settings = "serving.service:LeadQualification", _settings(store, tmp_path)
    with serving_at(target, root, tmp_path / "first.txt", settings) as client:
        assert client.post({"leads": leads[:1]})[1]["model"]["version"] == "1"
    gone = {**settings, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}  # nobody listens there
    with serving_at(target, root, tmp_path / "second.txt", gone) as client:
        status, answer = client.post({"leads": leads[:1]})
        _until(lambda: 'lead_registry_looks{model="leads",outcome="unreachable"}' in _metrics(client))
    assert (status, answer["model"]["version"]) == (200, "1")
    assert f"serving the bundle in {tmp_path / 'last_good'} instead" in (tmp_path / "second.txt").read_text("utf-8")


@pytest.fixture
def watch(store: Store, bundle_folder: Path, tmp_path: Path) -> RegistryWatch:
    """Follow the store from version 1 on."""
    place = tmp_path / "place"
    place.mkdir()
    champion = Champion(bundle_folder, NAME, "1")
    refused = RefusedModels(tmp_path / "refused.json")
    return RegistryWatch(
        store.address, place, place / "notice.json", champion, tmp_path / "kept", refused, NAME, lambda: 5.0
    )


def test_each_look_is_counted_and_a_damaged_bundle_changes_nothing(store: Store, watch: RegistryWatch) -> None:
    assert watch.check() == "unchanged"
    model = store.logged("2") / "model.txt"
    text = model.read_text(encoding="utf-8")
    model.write_text(text + "\n# one more line\n", encoding="utf-8")
    store.promote("2")
    assert (watch.check(), watch.champion.version) == ("refused", "1")
    assert not watch.last_good.exists()
    model.write_text(text, encoding="utf-8")
    assert (watch.check(), watch.champion.version) == ("loaded", "2")
    known = ChampionNotice.read(watch.notice)
    assert (known.champion, known.reached_at) == (watch.champion, 5.0)
    assert known.looks == {"unchanged": 1, "loaded": 1, "refused": 1, "unreachable": 0}
    kept = json.loads((watch.last_good / "provenance.json").read_text(encoding="utf-8"))
    assert kept == {"name": NAME, "version": "2"}


def test_a_lost_registry_changes_nothing(store: Store, watch: RegistryWatch) -> None:
    watch.address = "http://127.0.0.1:9"
    assert (watch.check(), watch.champion.version) == ("unreachable", "1")
    watch.address = store.address
    assert watch.check() == "unchanged"


def test_a_lost_artifact_is_told_and_changes_nothing(store: Store, watch: RegistryWatch) -> None:
    shutil.rmtree(store.logged("2"))
    store.promote("2")
    assert watch.check() in ("refused", "unreachable")
    assert watch.champion.version == "1"


def test_what_was_refused_is_neither_fetched_nor_checked_again_until_it_is_cleared(
    store: Store, watch: RegistryWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[Path] = []

    def refuse(folder: Path) -> None:
        checked.append(folder)
        raise ModelRefusedError("loading ended the process by SIGSEGV")

    monkeypatch.setattr("serving.scoring.registry_watch.check_model", refuse)
    store.promote("2")
    assert [watch.check() for _ in range(3)] == ["refused"] * 3
    assert len(checked) == 1
    assert not checked[0].exists()
    assert ChampionNotice.read(watch.notice).looks["refused"] == 3
    [known] = RefusedModels(watch.refused.path).read()  # as after a restart
    assert (known.version, known.reason) == ("2", "loading ended the process by SIGSEGV")
    watch.refused.clear("2")
    monkeypatch.setattr("serving.scoring.registry_watch.check_model", checked.append)
    assert (watch.check(), watch.champion.version) == ("loaded", "2")
    assert len(checked) == 2


def test_a_check_without_an_end_is_tried_again_after_growing_pauses(
    store: Store, watch: RegistryWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Path] = []

    def fail(folder: Path) -> None:
        tries.append(folder)
        raise ModelUncheckedError("loading took too long by the clock")

    monkeypatch.setattr("serving.scoring.registry_watch.check_model", fail)
    store.promote("2")
    counted = []
    for _ in range(9):
        assert watch.check() == "refused"
        counted.append(len(tries))
    assert counted == [1, 2, 2, 3, 3, 3, 3, 4, 4]
    assert watch.refused.read() == []
    store.promote("1")
    assert watch.check() == "unchanged"
    store.promote("2")
    monkeypatch.setattr("serving.scoring.registry_watch.check_model", tries.append)
    assert watch.check() == "loaded"


def test_models_that_kill_never_reach_the_service_nor_keep_it_down(
    root: Path, store: Store, serving_at: Any, leads: list[dict[str, Any]], tmp_path: Path
) -> None:
    target, log, settings = "serving.service:LeadQualification", tmp_path / "log.txt", _settings(store, tmp_path)
    models = altered_bundles.killers(store.logged("1"))
    bad = [store.register_altered("1", {"model.txt": content}) for content in list(models.values())[:1]]
    bad.append(store.register_altered("1", {"spread.txt": models["circle"]}))
    bad.append(store.register_altered("1", {"calibration.json": b"[" * 100_000}))
    with serving_at(target, root, log, settings) as client, _asking(client, leads[:8]) as answers:
        for version in bad:
            store.promote(version)
            _until(lambda v=version: f"version {v}, is refused" in log.read_text("utf-8"))  # type: ignore[misc]
            begin = len(answers)
            _until(lambda b=begin: len(answers) > b + 20)  # type: ignore[misc]
        assert client.get("/ready")[0] == 200
        _until(lambda: _refused(client) >= len(bad))
    assert {(status, answer["model"]["version"]) for status, answer in answers} == {(200, "1")}
    again = tmp_path / "again.txt"
    with serving_at(target, root, again, settings) as client:  # the last of them is still the champion
        assert client.post({"leads": leads[:1]})[1]["model"]["version"] == "1"
        said = again.read_text("utf-8")
        assert f"version {bad[-1]}, is refused" in said
        assert f"serving the bundle in {tmp_path / 'last_good'} instead" in said
        store.promote("2")
        _until(lambda: client.post({"leads": leads[:1]})[1]["model"]["version"] == "2")
    listed = _models(root, settings, "list")
    assert [f"refused: version {version} of {NAME}" in listed for version in bad] == [True] * len(bad)
    assert "served last: version 2" in listed
    assert "champion: version 2" in listed
    assert "1 refusals forgotten" in _models(root, settings, "clear", bad[0])
    assert f"refused: version {bad[0]} of" not in _models(root, settings, "list")
    assert f"{len(bad) - 1} refusals forgotten" in _models(root, settings, "clear", "--all")


def _models(root: Path, settings: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "serving.models", *arguments]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, **settings}, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def test_promoting_one_model_leaves_the_other_untouched(
    store: Store, bundle: Bundle, upsell_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.scoring.registry_watch.check_model", lambda folder: None)
    store.register(upsell_bundle, "acme-upsell")
    store.register(replace(upsell_bundle, cutoffs={"A": 0.0, "B": 0.0, "C": 0.0}), "acme-upsell")
    refused = RefusedModels(tmp_path / "refused.json")
    watches = {
        model: RegistryWatch(
            store.address, tmp_path / model, tmp_path / f"{model}.json", None, tmp_path / f"kept-{model}", refused, name
        )
        for model, name in (("leads", NAME), ("upsell", "acme-upsell"))
    }
    assert watches["leads"].check() == "loaded"
    assert watches["upsell"].check() == "unreachable"  # no version of it is a champion yet
    worker = Worker({model: watch.notice for model, watch in watches.items()}, 1)
    try:
        models = worker.models

        def serving() -> dict[str, str | None]:
            for current in models.current.values():
                current.refresh()
            return {name: None if (now := models.find(name)) is None else now.version for name in models.names}

        assert serving() == {"leads": "1", "upsell": None}
        leads_before = models.choose("leads")
        for version in ("1", "2", "1"):
            store.promote(version, "acme-upsell")
            assert [watches[name].check() for name in ("leads", "upsell")] == ["unchanged", "loaded"]
            assert serving() == {"leads": "1", "upsell": version}
        assert models.choose("leads") is leads_before
        upsell_before = models.choose("upsell")
        store.promote("2")
        assert [watches[name].check() for name in ("leads", "upsell")] == ["loaded", "unchanged"]
        assert serving() == {"leads": "2", "upsell": "1"}
        assert models.choose("upsell") is upsell_before
        assert {path.name for path in tmp_path.glob("kept-*")} == {"kept-leads", "kept-upsell"}
    finally:
        worker.close()
