"""Questions in a terminal: what is typed, typed again, left to the default, or can't be asked."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from features.errors import DataError
from pipeline import init
from pipeline.console import console
from pipeline.onboarding.plan import Question
from pipeline.onboarding.questions import asker, parse_answers
from pipeline.params import read_yaml

Type = Callable[..., list[str]]
OPEN = Question("outcome", "Which [/bold] column?", ("a\x1b[31m", "b"), None, "Two look so.")
SAFE = Question("zone", "Which zone?", (), "UTC", "Nothing says which.")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Type:
    """Let a person type lines into the console; returns what they were asked."""

    def run(*lines: str) -> list[str]:
        waiting: Iterator[str] = iter(lines)
        asked: list[str] = []

        def read(prompt: object = "", **_: object) -> str:
            asked.append(str(prompt))
            try:
                return next(waiting)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr(console, "input", read)
        return asked

    return run


def test_an_answer_that_is_no_choice_is_asked_for_again(typed: Type) -> None:
    prompts = typed("c", "b")
    asked: list[tuple[Question, str]] = []
    assert asker({}, yes=False, asked=asked)(OPEN) == "b"
    assert asked == [(OPEN, "b")]
    assert len(prompts) == 2
    assert "[/bold]" in prompts[0]  # a column's name is no markup


def test_an_empty_line_takes_the_default(typed: Type) -> None:
    prompts = typed("", "Europe/Vienna")
    ask = asker({}, yes=False, asked=[])
    assert ask(SAFE) == "UTC"
    assert ask(SAFE) == "Europe/Vienna"
    assert "UTC" in prompts[0]


def test_who_answered_before_is_not_asked(typed: Type) -> None:
    prompts = typed()
    assert asker({"outcome": "b"}, yes=False, asked=[])(OPEN) == "b"
    assert asker({}, yes=True, asked=[])(SAFE) == "UTC"
    assert prompts == []
    with pytest.raises(DataError, match=r"--set outcome=c: allowed are"):
        asker({"outcome": "c"}, yes=False, asked=[])(OPEN)


def test_without_a_terminal_it_says_how_to_answer(typed: Type) -> None:
    typed()
    with pytest.raises(DataError, match=r"Nobody can answer here.*--yes.*--set outcome="):
        asker({}, yes=False, asked=[])(OPEN)
    with pytest.raises(DataError, match="guess would change what a row means") as stopped:
        asker({}, yes=True, asked=[])(OPEN)
    assert "\x1b" not in str(stopped.value)
    with pytest.raises(DataError, match="expected KEY=VALUE"):
        parse_answers(["outcome"])


def test_a_whole_conversation_writes_a_source(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names in a language without a table: hand-over, outcome and rejection are asked for; the rest is taken as proposed."""
    rows = [f"C{i},2024-01-{1 + i:02d},2024-02-01,{'2024-02-09' if i % 3 else ''},{'' if i % 3 else '2024-02-11'}"
            for i in range(20)]  # fmt: skip
    (tmp_path / "fiches.csv").write_text("\n".join(["numéro,saisi,transmis,retenu,écarté", *rows]), "utf-8")
    answers = {"sales qualified": "retenu", "rejected": "écarté", "handed": "transmis", "week": "7"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["init", "fiches.csv", "--name", "fiches"])
    prompts = typed("", "", "retenu", "écarté", "transmis", "7")
    init.main()
    assert [next((w for w in answers if w in p), "") for p in prompts] == ["", "", *answers]
    assert "13 qualified, 7 disqualified" in capsys.readouterr().out
    assert read_yaml(tmp_path / "pipeline/presets/fiches.yaml")["capacity"]["leads_per_week"] == 7
