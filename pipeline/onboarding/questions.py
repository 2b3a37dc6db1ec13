"""Questions that files leave open: answered on the command line, in a terminal, or by their safe default."""

from collections.abc import Callable, Mapping

from rich.prompt import Prompt
from rich.text import Text

from features.errors import DataError
from pipeline.console import console
from pipeline.onboarding.plan import Question
from pipeline.onboarding.source_parts import one_line

__all__ = ["Ask", "asker", "parse_answers"]

Ask = Callable[[Question], str]


def parse_answers(given: list[str]) -> dict[str, str]:
    """Read `KEY=VALUE` of the option `--set`.

    Raises
    ------
    DataError
        One has no equals sign.

    Examples
    --------
    >>> parse_answers(["outcome=Won at", "zone=Europe/Berlin"])
    {'outcome': 'Won at', 'zone': 'Europe/Berlin'}
    """
    pairs = [text.partition("=") for text in given]
    wrong = next((key for key, sign, _ in pairs if not sign), None)
    if wrong is not None:
        raise DataError(f"--set {wrong}: expected KEY=VALUE, e.g. --set zone=Europe/Berlin.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def asker(answers: Mapping[str, str], *, yes: bool, asked: list[tuple[Question, str]]) -> Ask:
    """Make the function that answers questions.

    Parameters
    ----------
    answers : mapping of str to str
        What `--set` gave.
    yes : bool
        Take safe defaults; stop where there is none. Else the terminal asks.
    asked : list
        Every question with its answer is appended, for what is printed and written as comments.
    """

    def ask(question: Question) -> str:
        answer = answers.get(question.key)
        if answer is not None and question.choices and answer not in question.choices:
            raise DataError(f"--set {question.key}={answer}: allowed are {', '.join(question.choices)}.")
        if answer is None and yes:
            answer = question.default
            if answer is None:
                raise DataError(
                    one_line(
                        f"{question.text} {question.because} A guess would change what a row means. Answer it with --set "
                        f"{question.key}=..., allowed: {', '.join(question.choices) or 'any'}."
                    )
                )
        if answer is None:
            answer = _prompted(question)
        asked.append((question, answer))
        return answer

    return ask


def _prompted(question: Question) -> str:
    """Ask in the terminal, again until the answer is one of the choices."""
    console.print(one_line(question.because), style="dim", markup=False)
    text, choices = Text(one_line(question.text)), list(question.choices) or None
    try:
        if question.default is None:
            return Prompt.ask(text, choices=choices, console=console)
        return Prompt.ask(text, choices=choices, default=question.default, console=console)
    except EOFError as error:
        raise DataError(
            f"{one_line(question.text)} Nobody can answer here. "
            f"Use --yes, which takes what is sure, or --set {question.key}=..."
        ) from error
