"""Hundreds of altered bundles: each is refused with words, or scores in a process of its own without harm."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import BundleError
from models.bundle import Bundle
from models.monitoring.reference import fit_reference
from models.trees.model_text import read_model_text
from serving.scoring.model_check import ModelRefusedError, ModelUncheckedError, check_model, child_environment
from tests import altered_bundles

COUNT = 400
SCORE_ALL = """
import sys
from pathlib import Path
from features.errors import BundleError
from serving.scoring.scorer import Scorer
for line in sys.stdin:
    try:
        Scorer.load(Path(line.strip()), "checked", "0").warm_up()
        print("scored", flush=True)
    except BundleError:
        print("refused", flush=True)
"""


def test_what_the_checks_let_through_scores_and_all_else_is_refused_with_words(
    root: Path, bundle: Bundle, tmp_path: Path
) -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(300, len(bundle.catalog))).astype(np.float32)
    good = tmp_path / "good"
    replace(bundle, reference=fit_reference(rows, random.random(200), [], [])).save(good)
    passed, refused = [good], 0
    for number, (name, change, content) in enumerate(altered_bundles.drawn(good, COUNT, seed=11)):
        folder = altered_bundles.write(tmp_path / f"{number}-{name}-{change}", good, {name: content})
        try:
            if name.endswith(".txt"):  # LightGBM may end a process: it sees these in another one only
                read_model_text(content.decode("utf-8"))
            else:
                Bundle.load(folder)
            passed.append(folder)
        except UnicodeDecodeError:
            passed.append(folder)  # files are decoded by the bundle
        except BundleError:
            refused += 1
    assert refused > COUNT / 2
    done = subprocess.run(
        [sys.executable, "-c", SCORE_ALL],
        input="\n".join(map(str, passed)),
        env=child_environment({}),
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    answers = done.stdout.split()
    culprit = passed[len(answers)] if len(answers) < len(passed) else None
    assert done.returncode == 0, f"{culprit}: {done.stderr[-2000:]}"
    assert len(answers) == len(passed)
    assert answers[0] == "scored"


@pytest.mark.parametrize("name", ["circle", "far child", "far feature", "no equals sign", "wrong size", "many leaves"])
@pytest.mark.parametrize("file", ["model.txt", "spread.txt"])
def test_what_kills_lightgbm_is_refused_before_it_sees_it(
    bundle_folder: Path, tmp_path: Path, name: str, file: str
) -> None:
    content = altered_bundles.killers(bundle_folder)[name]
    folder = altered_bundles.write(tmp_path / "bundle", bundle_folder, {file: content})
    with pytest.raises(BundleError, match=r"^(model|spread)\.txt: .*Fetch the bundle again, or train anew"):
        Bundle.load(folder)


def test_a_good_bundle_passes_the_child_and_a_bad_one_is_told(bundle_folder: Path, tmp_path: Path) -> None:
    check_model(bundle_folder)
    cutoffs = json.dumps({"A": 2, "B": 0.3, "C": 0.1}).encode()
    bad = altered_bundles.write(tmp_path / "bad", bundle_folder, {"tiers.json": cutoffs})
    with pytest.raises(ModelRefusedError, match="A, B and C within 0..1"):
        check_model(bad)


CHILDREN = {
    "segfault": ("import os, signal; say('loading'); os.kill(os.getpid(), signal.SIGSEGV)", "loading .*SIGSEGV"),
    "abort": (
        "import os, sys; say('loading'); print('[LightGBM] [Fatal] no sense', file=sys.stderr); os.abort()",
        r"loading .*SIGABRT \(\[LightGBM\] \[Fatal\] no sense\)",
    ),
    "endless": (
        "import resource; say('loading'); say('scoring'); resource.setrlimit(resource.RLIMIT_CPU, (1, 9))\nwhile True: pass",
        "scoring takes more processor time",
    ),
    "words": ("say('loading'); print(json.dumps({'refused': 'because  of\\nthis.'}), flush=True)", "^because of this$"),
}
UNDECIDED = {
    "slow": ("import time; say('loading'); time.sleep(60)", "too long by the clock"),
    "never ready": ("import time; time.sleep(60)", "starting took too long"),
    "killed": ("import os, signal; say('loading'); os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL while loading"),
    "unstarted": ("raise SystemExit(4)", "code 4 while starting"),
    "chatter": ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "starting took too long"),
}


def _with_child(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say = "import json, sys\ndef say(step): print(json.dumps({'step': step}), flush=True)\n"
    (folder / "fake_child.py").write_text(say + code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr("serving.scoring.model_check.CHILD", "fake_child")


@pytest.mark.parametrize("name", CHILDREN)
def test_what_a_bundle_does_to_its_process_is_final(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, words = CHILDREN[name]
    _with_child(code, tmp_path, monkeypatch)
    with pytest.raises(ModelRefusedError, match=words):
        check_model(tmp_path)


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_others_do_to_the_process_is_not(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, words = UNDECIDED[name]
    _with_child(code, tmp_path, monkeypatch)
    # Only what never comes has a short time: on a busy machine the others need theirs
    times = {
        "ready_seconds": 3.0 if name in ("never ready", "chatter") else 600.0,
        "check_seconds": 1.0 if name == "slow" else 600.0,
    }
    with pytest.raises(ModelUncheckedError, match=words):
        check_model(tmp_path, **times)


def test_the_child_has_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "say('loading'); print(json.dumps({'refused': ' '.join(sorted(__import__('os').environ))}), flush=True)"
    _with_child(told, tmp_path, monkeypatch)
    secrets = ("LEAD_STORE_URL", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "API_TOKEN")
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    with pytest.raises(ModelRefusedError) as refused:
        check_model(tmp_path)
    names = refused.value.reason.split()
    assert not set(names) & set(secrets)
    assert {"PATH", "PYTHONPATH"} <= set(names)
