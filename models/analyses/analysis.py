"""One analysis: figures and codes as JSON, made offline by a stage, shown as a report and under /app, never computed again."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pydantic import ValidationError

from features.errors import LeadQualificationError
from models.analyses.figures import Absent, Content
from models.presentation.rendering import render

__all__ = ["FOLDER", "LARGEST", "Analysis", "AnalysisError", "read_all"]

FOLDER = "analyses"
"""Of the JSON files, below the pipeline's data and beside a published bundle's files, outside their checksums."""

LARGEST = 4 * 1024**2
"""Bytes that one may have; far above what a stage writes."""

MOST_HEAD = 500
"""Bytes within which an absent analysis says that it is one."""

TEMPLATES = Path(__file__).parent / "templates"


class AnalysisError(LeadQualificationError):
    """An analysis can't be read, or is not what its schema says."""


@dataclass(frozen=True)
class Analysis:
    """One analysis.

    Attributes
    ----------
    name : str
        Of its file ``<name>.json``, its report ``<name>.html`` and its page ``/app/analyses/<name>``; also of its template.
    title, lead : str
        Marked with `n_`: the heading, and the sentence below it.
    schema : type of Content
        The one definition of its figures and codes; there is no prose in it.
    """

    name: str
    title: str
    lead: str
    schema: type[Content]

    def to_json(self, content: Content) -> str:
        """Write the content; the same content gives the same bytes.

        Raises
        ------
        AnalysisError
            If it is another analysis' content, or too large to be read again.
        """
        if not isinstance(content, self.schema | Absent):
            raise AnalysisError(
                f"analysis {self.name}: got a {type(content).__name__}; needs a {self.schema.__name__}."
            )
        text = json.dumps(_rounded(content.model_dump(mode="json")), indent=1, ensure_ascii=False) + "\n"
        if len(text.encode()) > LARGEST:
            raise AnalysisError(
                f"analysis {self.name}: {len(text.encode()):,} bytes, at most {LARGEST:,} are read. Show fewer groups."
            )
        return text

    def read(self, folder: Path) -> Content:
        """Read the content from ``<name>.json`` of a folder, and check it.

        Raises
        ------
        AnalysisError
            If it is missing, too large, or not what the schema says.
        """
        path = folder / f"{self.name}.json"
        try:
            with path.open("rb") as file:
                text = file.read(LARGEST + 1)
        except OSError as error:
            raise AnalysisError(
                f"{path}: it can't be read ({os.strerror(error.errno or 0)}). Run `dvc repro`, then publish again."
            ) from error
        if len(text) > LARGEST:
            raise AnalysisError(f"{path}: larger than {LARGEST:,} bytes, which no analysis is. Publish it again.")
        try:
            if b'"absent":' in text[:MOST_HEAD]:
                return Absent.model_validate_json(text)
            return self.schema.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise AnalysisError(
                f"{path}: {error.error_count()} value(s) are not as the schema says; the first is {where}: {first['msg']}. "
                "It was written by another version, or altered: run `dvc repro`, then publish again."
            ) from error

    def body(self, content: Content, language: str, **more: Any) -> Markup:
        """Render the body of its page; nothing is computed.

        Parameters
        ----------
        content : Content
            As `read` gives it.
        language : str
            Of the texts.
        more : object
            What only one of the places that show it knows.
        """
        name = "absent" if isinstance(content, Absent) else self.name
        return render(TEMPLATES, f"{name}.html", language, content=content, **more)


def read_all(folder: Path, analyses: Iterable[Analysis]) -> tuple[Mapping[str, Content], list[str]]:
    """Read the analyses that a folder holds; what is not there or absent was not made, and what can't be read is reported.

    Returns
    -------
    contents : mapping of str to Content
        By name.
    problems : list of str
        One sentence per file that is there and can't be shown.
    """
    contents: dict[str, Content] = {}
    problems: list[str] = []
    for analysis in analyses:
        if not (folder / f"{analysis.name}.json").exists():
            continue
        try:
            content = analysis.read(folder)
        except AnalysisError as error:
            problems.append(str(error))
            continue
        if not isinstance(content, Absent):
            contents[analysis.name] = content
    return contents, problems


DIGITS = 6


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value
