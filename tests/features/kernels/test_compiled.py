"""Kernels are compiled once per user and machine, by one process; tiny ones stand in for the engine."""

import importlib.util
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grimp
import numpy as np
import pytest
from numba.core.compiler_lock import global_compiler_lock

from features.kernels import cache, compiled
from features.kernels.compiled import Kernel
from features.operations import OPERATIONS
from features.wording.phrases import Pair

SOURCE = '''
def total(values):
    """Add up."""
    result = 0
    for value in values:
        result += value
    return result
'''
IN_A_PROCESS = """
import sys
import numpy as np
import tiny
from features.kernels.compiled import Kernel
print("ready", flush=True)
sys.stdin.readline()
print(Kernel(tiny.total, 9)(np.arange(4)))
"""
HOLDING_THE_LOCK = """
import sys, time
from collections.abc import Callable
from pathlib import Path
from features.kernels.cache import locked
with locked(Path(sys.argv[1]), 1.0, lambda: None):
    print("held", flush=True)
    time.sleep(60)
"""
NUMBERS = np.arange(4)


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    compiled._say_not_kept.cache_clear()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def kernel_in(checkout: Path, source: str = SOURCE) -> Kernel:
    """Give the kernel of a checkout, as a process does that sees it for the first time."""
    checkout.mkdir(exist_ok=True)
    (checkout / "tiny.py").write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("tiny", checkout / "tiny.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Kernel(module.total, 9)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give the first word of each line since the last call."""
    words = [record.getMessage().split()[0] for record in caplog.records if record.name == "features.kernels"]
    caplog.clear()
    return words


def folder_of(base: Path) -> Path:
    (folder,) = (base / "lead-qualification-kernels").glob("*/tiny.total")
    return folder


def test_another_checkout_finds_what_one_compiled(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert said(caplog) == ["compiling"]
    again = kernel_in(tmp_path / "b")
    assert again(NUMBERS) == again(NUMBERS) == 6
    assert said(caplog) == []
    assert len(again.signatures) == 1


def test_another_source_is_another_kernel(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert kernel_in(tmp_path / "a", SOURCE.replace("result = 0", "result = 1"))(NUMBERS) == 7
    assert said(caplog) == ["compiling", "compiling"]


def test_each_layout_is_kept_and_none_drives_out_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fixed = np.arange(4)
    fixed.flags.writeable = False
    first = kernel_in(tmp_path / "a")
    assert [first(NUMBERS), first(NUMBERS.astype(np.float64)), first(fixed)] == [6, 6.0, 6]
    assert said(caplog).count("compiling") >= 2
    later = kernel_in(tmp_path / "b")
    assert [later(NUMBERS.astype(np.float64)), later(NUMBERS), later(fixed)] == [6.0, 6, 6]
    assert said(caplog) == []


def test_a_kernels_own_type_error_is_not_hidden(tmp_path: Path) -> None:
    kernel = kernel_in(tmp_path / "a")
    kernel(NUMBERS)
    with pytest.raises(TypeError):
        kernel()


def test_a_thread_that_finds_compiling_switched_off_meanwhile_makes_the_layout_ready(tmp_path: Path) -> None:
    """Numba sees that it may compile, waits for its lock, and then may not: another thread has made its layout ready."""
    kernel = kernel_in(tmp_path / "a")
    kernel(NUMBERS)
    dispatcher = kernel._dispatcher
    results: list[float] = []
    waiting = threading.Thread(target=lambda: results.append(kernel(NUMBERS.astype(np.float64))))
    with global_compiler_lock:
        dispatcher.disable_compile(False)
        compile_now, began = dispatcher.compile, threading.Event()
        dispatcher.compile = lambda types: (began.set(), compile_now(types))[1]
        waiting.start()
        assert began.wait(600)
        dispatcher.disable_compile()
    waiting.join(600)
    assert results == [6.0]


@pytest.mark.parametrize("ending", [".nbc", ".nbi", ".json"])
@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"x" + data[1:], lambda data: b""])
def test_what_is_damaged_is_compiled_anew(
    damage: Callable[[bytes], bytes], ending: str, tmp_path: Path, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kernel_in(tmp_path / "a")(NUMBERS)
    (file,) = (path for path in folder_of(base).iterdir() if path.suffix == ending)
    file.write_bytes(damage(file.read_bytes()))
    said(caplog)
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert said(caplog) == ["compiling"]
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert said(caplog) == []


def test_half_written_is_not_loaded(tmp_path: Path, base: Path, caplog: pytest.LogCaptureFixture) -> None:
    kernel_in(tmp_path / "a")(NUMBERS)
    (folder_of(base) / "manifest.json").unlink()  # it is written last
    said(caplog)
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert said(caplog) == ["compiling"]


def test_a_folder_that_cannot_be_made_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert "NUMBA_CACHE_DIR" in caplog.text
    assert said(caplog) == ["compiled", "compiling"]
    assert kernel_in(tmp_path / "b")(NUMBERS) == 6
    assert said(caplog) == ["compiling"]  # why is said once


def test_what_others_may_write_is_not_loaded(tmp_path: Path, base: Path, caplog: pytest.LogCaptureFixture) -> None:
    kernel_in(tmp_path / "a")(NUMBERS)
    (base / "lead-qualification-kernels").chmod(0o777)
    said(caplog)
    assert kernel_in(tmp_path / "b")(NUMBERS) == 6
    assert "others may write" in caplog.text
    assert said(caplog) == ["compiled", "compiling"]


def test_what_belongs_to_somebody_else_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kernel_in(tmp_path / "a")(NUMBERS)
    said(caplog)
    real = os.lstat

    def of_another_user(path: object, **_: object) -> os.stat_result:
        found = list(real(path))  # type: ignore[arg-type]
        found[4] = 4711
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", lambda path: of_another_user(path))
    assert kernel_in(tmp_path / "b")(NUMBERS) == 6
    assert "belongs to user 4711" in caplog.text


def test_a_full_disk_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled, "record", full)
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert "No space left" in caplog.text


def test_two_processes_compile_once(tmp_path: Path, root: Path, base: Path) -> None:
    kernel_in(tmp_path / "a")
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{tmp_path / 'a'}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", IN_A_PROCESS]
    children = [subprocess.Popen(command, env=environment, text=True, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    try:
        for child in children:
            assert child.stdout.readline() == "ready\n"
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        answers = [child.communicate(timeout=120) for child in children]
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert [output for output, _ in answers] == ["6\n", "6\n"]
    assert sum(errors.count("compiling") for _, errors in answers) == 1


def test_a_lock_whose_holder_was_killed_is_taken_over_and_a_living_one_is_waited_for(
    tmp_path: Path, root: Path, base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kernel_in(tmp_path / "a")(NUMBERS)
    lock = folder_of(base).with_name("tiny.total.lock")
    (folder_of(base) / "manifest.json").unlink()
    said(caplog)
    command = [sys.executable, "-c", HOLDING_THE_LOCK, str(lock)]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            monkeypatch.setattr(compiled, "LONGEST_WAIT", 0.1)
            assert kernel_in(tmp_path / "a")(NUMBERS) == 6
            assert said(caplog) == ["waiting", "compiled", "compiling"]
        finally:
            holder.send_signal(signal.SIGKILL)
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert said(caplog) == ["compiling"]
    assert kernel_in(tmp_path / "a")(NUMBERS) == 6
    assert said(caplog) == []


def test_only_the_keys_used_last_are_kept(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_KEYS", 2)
    for number in range(4):
        kernel_in(tmp_path / "a", SOURCE.replace("result = 0", f"result = {number}"))(NUMBERS)
    assert len(list((base / "lead-qualification-kernels").iterdir())) == 2
    assert folder_is_private(base)


def folder_is_private(base: Path) -> bool:
    return not (base / "lead-qualification-kernels").stat().st_mode & 0o077


def test_the_key_tells_settings_apart_that_change_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    former = cache.environment_key(b"")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    assert cache.environment_key(b"") == former != cache.environment_key(b"other")
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    assert cache.environment_key(b"") != former


def test_the_key_knows_the_operations_codes_and_none_of_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    former = cache.environment_key(b"")
    first = next(iter(OPERATIONS.values()))
    monkeypatch.setitem(OPERATIONS, first.name, replace(first, meaning=Pair("other words", "andere Worte")))
    assert cache.environment_key(b"") == former
    monkeypatch.setitem(OPERATIONS, first.name, replace(first, kernel="gaps"))
    assert cache.environment_key(b"") != former


def test_the_key_covers_all_modules_that_kernels_are_made_of() -> None:
    graph = grimp.build_graph("features", "models")
    kernels = graph.find_modules_directly_imported_by
    modules = {module for module in graph.modules if module.startswith("features.kernels.")}
    covered = {f"features.{name.removesuffix('.py')}" for name in cache._SOURCES} | modules | {"features.kernels"}
    outside = {imported for module in modules for imported in kernels(module) if imported.startswith("features")}
    # of the operations, the key holds what kernels take from them
    assert outside - covered == {"features.operations"}
    assert kernels("features.kernels.sections") == {"features.operations"}
    # what they import in turn lends them no constants
    for name in cache._SOURCES:
        assert kernels(f"features.{name.removesuffix('.py')}") <= {"features.errors"}


def test_a_line_says_why_compiling_takes_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        kernel_in(tmp_path / "a")(NUMBERS)
    assert caplog.messages == ["compiling the feature engine (total), once on this machine, about 9 s"]
