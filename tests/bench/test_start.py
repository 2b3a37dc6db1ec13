"""The benchmark of a newcomer's wait: what it divides by what, and what it forgets first."""

from pathlib import Path

from bench.start import EMPTY, PASS, PIP, Measured, Place, show


def test_each_time_stands_beside_its_own_reference() -> None:
    table = show(
        [
            Measured(PIP, 100.0),
            Measured("make env", 50.0, PIP),
            Measured(PASS, 0.02),
            Measured("start of pipeline.split", 2.0, PASS),
            Measured(EMPTY, 4.0),
            Measured("first demonstration", 100.0, EMPTY),
        ]
    )
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert rows == [
        (PIP, "100.00", "", ""),
        ("make env", "50.00", "0.50", PIP),
        (PASS, "0.02", "", ""),
        ("start of pipeline.split", "2.00", "100.00", PASS),
        (EMPTY, "4.00", "", ""),
        ("first demonstration", "100.00", "25.00", EMPTY),
    ]


def test_machine_code_is_forgotten_wherever_it_is_kept(tmp_path: Path) -> None:
    place = Place(tmp_path / "clone", Path("python"), tmp_path)
    files = [tmp_path / "cache" / "numba" / "a.nbc", place.clone / "features" / "kernels" / "__pycache__" / "a.nbi"]
    kept = place.clone / "features" / "kernels" / "fold.py"
    for file in (*files, kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    place.forget_compiled()
    assert [file.exists() for file in (*files, kept)] == [False, False, True]


def test_no_setting_of_the_caller_reaches_what_is_measured(tmp_path: Path, monkeypatch) -> None:
    for name in ("LEAD_BUNDLE_DIR", "MLFLOW_TRACKING_URI", "NUMBA_CACHE_DIR"):
        monkeypatch.setenv(name, "/elsewhere")
    environment = Place(tmp_path, tmp_path / "bin" / "python", tmp_path).environment()
    assert "/elsewhere" not in environment.values()
