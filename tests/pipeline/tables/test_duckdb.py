"""`read_lines`, `moment` and `free_mail`: no row is lost, and every row knows its line."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from features.errors import DataError
from pipeline.tables.duckdb import connect, run_source


def read(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Run a source that defines the view `rows_read`, and read it."""
    (folder / "source.sql").write_text(f"CREATE TABLE rows_read AS {query};")
    with connect() as connection:
        assert run_source(connection, folder / "source.sql", folder) == ["rows_read"]
        return connection.execute("SELECT * FROM rows_read").fetchall()


def lines(folder: Path, content: bytes, options: str = "", name: str = "f.csv") -> list[tuple[Any, ...]]:
    (folder / name).write_bytes(content)
    return read(folder, f"SELECT * EXCLUDE source_file FROM read_lines(getvariable('raw_dir') || '/{name}'{options})")


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,x\n2,y", [("1", "x", 2), ("2", "y", 3)]),
        (b"a,b\n", []),
        (b"\xef\xbb\xbfa,b\n1,x\n", [("1", "x", 2)]),
        (b"a,b\n1,x\n\n\n2,y\n", [("1", "x", 2), ("2", "y", 5)]),
        (b"a,b\r\n1,x\r\n\r\n2,y\r\n", [("1", "x", 2), ("2", "y", 4)]),
        (b'a,b\n1,"x\n\ny"\n2,y\n', [("1", "x\n\ny", 2), ("2", "y", 5)]),
        (b'a,b\n1,"x ""y"""\n2,y\n', [("1", 'x "y"', 2), ("2", "y", 3)]),
        (b'"a\nx",b\n1,x\n', [("1", "x", 3)]),
        (b"#a,b\n#1,x\n", [("#1", "x", 2)]),
        (b"a,b\n01,\n,\n", [("01", None, 2), (None, None, 3)]),
    ],
)
def test_every_row_has_the_line_it_begins_on(tmp_path: Path, content: bytes, rows: list[tuple[Any, ...]]) -> None:
    assert lines(tmp_path, content) == rows


def test_other_separators_encodings_and_packed_files(tmp_path: Path) -> None:
    assert lines(tmp_path, "a;b\n1;ü\n".encode("latin-1"), ", separator := ';', charset := 'latin-1'") == [
        ("1", "ü", 2)
    ]
    assert lines(tmp_path, gzip.compress(b"a,b\n1,x\n"), name="g.csv.gz") == [("1", "x", 2)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # Detection would take the last line for the header, and lose the rows above it.
        (b"a,b\n1,2\n3\n4,5,6\n", r"f\.csv, line 3: 1 field\(s\), but the header has 2"),
        (b"title\n\na,b\n1,2\n", r"f\.csv, line 3: 2 field\(s\), but the header has 1"),
        (b"a,b\n1,2\n3,4,5\n", r"f\.csv, line 3: 3 field\(s\), but the header has 2"),
        (b'a,b\n"1",2\n"3","4"5\n', r"f\.csv, row that begins on line 3: "),
        (b'a,b\n1,"open\n2,3\n', r"f\.csv, row that begins on line 2: "),
        (b"a,b\n1,x\n2,\xfcber\n", r"f\.csv, line 3, byte 3: not UTF-8 \(got 0xfc\)\. .*charset := 'latin-1'"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_an_error_with_the_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        lines(tmp_path, content)


def test_a_file_with_nothing_in_it_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "f.csv").touch()
    with pytest.raises(DataError, match=r"f\.csv: the file is empty"):
        read(tmp_path, "SELECT a FROM read_lines(getvariable('raw_dir') || '/f.csv')")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"source\.sql: DuckDB could not read the source:\n.*absent\.csv"):
        read(tmp_path, "SELECT * FROM read_lines(getvariable('raw_dir') || '/absent.csv')")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("01.03.2026 09:15", "2026-03-01 08:15:00+00"),
        ("01.07.2026 09:15", "2026-07-01 07:15:00+00"),
        ("31.02.2026 09:15", "31.02.2026 09:15"),
        ("", ""),
    ],
)
def test_a_local_time_gets_its_zone_and_anything_else_stays(tmp_path: Path, text: str, moment: str) -> None:
    assert read(tmp_path, f"SELECT moment('{text}', '%d.%m.%Y %H:%M', 'Europe/Berlin')") == [(moment,)]


@pytest.mark.parametrize(
    ("address", "free"),
    [
        ("'jo@GMAIL.com'", True),
        ("'web.de'", True),
        ("' jo@web.de '", True),
        ("'jo@company.de'", False),
        ("'gmail.com.company.de'", False),
        ("'jo@'", None),
        ("''", None),
        ("NULL", None),
    ],
)
def test_free_mail_is_told_by_the_domain(tmp_path: Path, address: str, free: bool | None) -> None:
    assert read(tmp_path, f"SELECT free_mail({address}) AS free") == [(free,)]
