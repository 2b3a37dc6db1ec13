"""Write the texts of code and templates into the catalogues: ``python -m models.presentation [--add LANGUAGE]``.

New texts come in untranslated, those that are gone go, and nothing is guessed from similar ones. It ends by naming what has no
translation yet.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from models.presentation.catalogues import LOCALE, SOURCE

__all__ = ["extracted", "main", "updated"]

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("models", "pipeline", "serving")
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
KEYWORDS = {
    "_": None,
    "n_": None,
    "gettext": None,
    "worded": None,
    "ngettext": (1, 2),
    "worded_count": (1, 2),
    "pgettext": ((1, "c"), 2),
}
WIDTH = 120


def extracted(root: Path = ROOT) -> Catalog:
    """Collect the texts of all code and templates below `root`, each with the files that it stands in."""
    catalogue = Catalog(fuzzy=False)
    for file, text, comments, context in sorted(_found(root), key=lambda item: (item[0], str(item[1]))):
        catalogue.add(text, None, [(file, 0)], auto_comments=comments, context=context)
    return catalogue


def _found(root: Path) -> Iterator[tuple[str, str | tuple[str, ...], list[str], str | None]]:
    for folder in FOLDERS:
        found = extract_from_dir(
            root / folder, METHODS, keywords=KEYWORDS, comment_tags=("For translators:",), strip_comment_tags=True
        )
        for name, _, text, comments, context in found:
            yield f"{folder}/{Path(name).as_posix()}", text, comments, context


def updated(language: str, template: Catalog, file: Path) -> Catalog:
    """Read a language's catalogue and bring it up to the texts of today; one that does not exist yet begins empty."""
    if file.exists():
        with file.open("rb") as old:
            catalogue = read_po(old, locale=language)
    else:
        catalogue = Catalog(locale=language, fuzzy=False)
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    return catalogue


def write(language: str, catalogue: Catalog, file: Path) -> None:
    """Write a catalogue so that equal texts give equal bytes: no times, no line numbers."""
    catalogue.project, catalogue.version = "lead-qualification", "1"
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
    catalogue.revision_date = catalogue.creation_date
    file.parent.mkdir(parents=True, exist_ok=True)
    catalogue.header_comment = (
        f"# {Locale.parse(language).english_name} texts of pages and messages; `make words` adds new ones."
    )
    with file.open("wb") as new:
        write_po(
            new, catalogue, width=WIDTH, omit_header=False, sort_output=True, include_lineno=False, ignore_obsolete=True
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Bring every catalogue up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m models.presentation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--add", metavar="LANGUAGE", help="begin the catalogue of one more language, such as fr")
    asked = parser.parse_args(arguments)
    languages = {folder.name for folder in LOCALE.iterdir() if folder.is_dir()}
    if asked.add:
        try:
            Locale.parse(asked.add)
        except (UnknownLocaleError, ValueError):
            parser.error(f"--add {asked.add!r}: no language of the Unicode CLDR. Give a code such as fr, es or nl.")
        languages.add(asked.add)
    template = extracted()
    for language in sorted(languages - {SOURCE}):
        file = LOCALE / language / "LC_MESSAGES" / "messages.po"
        catalogue = updated(language, template, file)
        write(language, catalogue, file)
        missing = [
            str(entry.id)
            for entry in catalogue
            if entry.id and not all(entry.string if isinstance(entry.string, tuple) else [entry.string])
        ]
        sys.stdout.write(f"{file.relative_to(ROOT)}: {len(catalogue)} texts, {len(missing)} without a translation\n")
        sys.stdout.writelines(f"  {text}\n" for text in missing)


if __name__ == "__main__":
    main()
