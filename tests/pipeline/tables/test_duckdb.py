"""`read_lines`, `moment` and `free_mail`: no row is lost, and every row knows its line."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from features.errors import DataError
from pipeline.tables.charsets import bad_byte
from pipeline.tables.duckdb import connect, install_helpers, run_source


def read(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Run a source that defines the view `rows_read`, and read it."""
    (folder / "source.sql").write_text(f"CREATE TABLE rows_read AS {query};")
    with connect() as connection:
        assert run_source(connection, folder / "source.sql", folder).views == ["rows_read"]
        return connection.execute("SELECT * FROM rows_read").fetchall()


def of_column(text: str) -> str:
    """Give a text as the column `t`: what holds of a constant may not hold of one."""
    return f"FROM (VALUES ('{text}'), ('')) AS given (t) LIMIT 1"


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
    packed = gzip.compress("a;b\r\n1;€ „x“\r\n".encode("cp1252"))
    assert lines(tmp_path, packed, ", separator := ';', charset := 'windows-1252'", "w.csv.gz") == [("1", "€ „x“", 2)]


@pytest.mark.parametrize(
    "charset", ["cp1250", "cp1252", "mac_roman", "utf-16", "utf-16-be", "utf-8-sig", "utf-32", "utf-8"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_encoding_of_python_is_read_with_lines_left_out_at_both_ends(
    tmp_path: Path, charset: str, end: str
) -> None:
    text = end.join(["sep=\t", "a\tb", "1\tÄ", "", '2\t"x' + end + 'y"', "", "Total\t2\t3", "Confidential", ""])
    options = f", separator := chr(9), charset := '{charset}', skip := 1, skip_end := 2"
    assert lines(tmp_path, text.encode(charset), options) == [("1", "Ä", 3), ("2", f"x{end}y", 5)]


def test_lines_to_leave_out_may_lie_anywhere_in_a_large_file(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'x' * 1000}\n" for n in range(3000))
    read_rows = lines(tmp_path, f"t\na,b\n{rows}".encode(), ", skip := 1, skip_end := 1500")
    assert [(n, line) for n, _, line in read_rows] == [(str(n), n + 3) for n in range(1500)]
    assert len(lines(tmp_path, f"a,b\n{rows}".encode(), ", skip_end := 3000")) == 0


def test_the_byte_that_is_not_of_an_encoding_is_named_wherever_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"a\n" * (1 << 19) + "ü".encode() * (1 << 18) + b"\n\x81x")
    assert bad_byte(path, "cp1252") == ((1 << 19) + 2, 1, 0x81)
    assert bad_byte(path, "utf-8") == ((1 << 19) + 2, 1, 0x81)
    assert bad_byte(path, "latin-1") is None


def test_a_sound_file_is_not_blamed_for_another_s_error(tmp_path: Path) -> None:
    (tmp_path / "sound.csv").write_text("a,b\n1,x\n")
    (tmp_path / "unused.csv").write_bytes(b"a\n\xfc\n")
    with pytest.raises(DataError, match="nothing_there") as raised:
        read(tmp_path, "SELECT nothing_there FROM read_lines(getvariable('raw_dir') || '/sound.csv')")
    assert ".csv" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (", charset := 'utf-17'", r"there is no encoding 'utf-17'\. Allowed: .*'cp1252'"),
        (", charset := 'utf-16'", r"f\.csv: not utf-16; it looks like utf-8"),
        (", charset := 'ascii'", r"f\.csv, line 2, byte 3: not ascii \(got 0xc3\); it looks like utf-8"),
        (", skip := -1", r"skip and skip_end are numbers of lines, at least 0; got -1 and 0"),
    ],
)
def test_what_read_lines_was_told_wrong_is_said(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        lines(tmp_path, "a,b\n1,üx\n".encode(), options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # Detection would take the last line for the header, and lose the rows above it.
        (b"a,b\n1,2\n3\n4,5,6\n", r"f\.csv, line 3: 1 field\(s\), but the header has 2"),
        (b"title\n\na,b\n1,2\n", r"f\.csv, line 3: 2 field\(s\), but the header has 1"),
        (b"a,b\n1,2\n3,4,5\n", r"f\.csv, line 3: 3 field\(s\), but the header has 2"),
        (b'a,b\n"1",2\n"3","4"5\n', r"f\.csv, row that begins on line 3: "),
        (b'a,b\n1,"open\n2,3\n', r"f\.csv, row that begins on line 2: "),
        (b"a,b\n1,x\n2,\xfcber\n", r"f\.csv, line 3, byte 3: not UTF-8 \(got 0xfc\); .*charset := 'cp1252'"),
        ("a,b\n1,ü\n".encode("utf-16"), r"f\.csv: not utf-8; it looks like utf-16\. .*charset := 'utf-16'"),
        (b"sep=;\na;b\n1;x\n", r"f\.csv, line 1: a note for Excel \(sep=;\), not the header\. .*skip := 1"),
        (
            b"a,b\n1,x\n\nTotal,1,2\n\nConfidential\n",
            r"f\.csv, line 4: 3 field\(s\).* footer begins here.*skip_end := 3",
        ),
        (b"A report\na,b\n1,x\n", r"f\.csv, line 2: 2 field\(s\), .* title, .*skip := 1"),
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
        ("01.03.2026 09:15", "2026-03-01T09:15:00+01:00"),
        ("01.07.2026 09:15", "2026-07-01T09:15:00+02:00"),
        ("31.02.2026 09:15", "31.02.2026 09:15"),
        ("", ""),
    ],
)
def test_a_local_time_gets_its_zone_and_anything_else_stays(tmp_path: Path, text: str, moment: str) -> None:
    assert read(tmp_path, f"SELECT moment(t, '%d.%m.%Y %H:%M', 'Europe/Berlin') {of_column(text)}") == [(moment,)]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("20.03.2026", "2026-03-20T23:59:59.999999+01:00"),
        ("20.03.2026 00:00", "2026-03-20T23:59:59.999999+01:00"),
        ("20.03.2026 09:30", "2026-03-20T09:30:00+01:00"),
        ("25.10.2026", "2026-10-25T23:59:59.999999+01:00"),
        ("24.10.2026", "2026-10-24T23:59:59.999999+02:00"),
        ("31.02.2026", "31.02.2026"),
    ],
)
def test_a_day_without_a_time_is_its_end(tmp_path: Path, text: str, end: str) -> None:
    formats = "['%d.%m.%Y', '%d.%m.%Y %H:%M']"
    assert read(tmp_path, f"SELECT day(t, {formats}, 'Europe/Berlin'), day(DATE '2026-03-20') {of_column(text)}") == [
        (end, 20)
    ]
    assert read(tmp_path, "SELECT day('3/20/2026', '%m/%d/%Y', 'America/New_York')") == [
        ("2026-03-20T23:59:59.999999-04:00",)
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00"),  # the hour that comes twice
        ("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00"),
        ("25.10.2026 02:30 +0100", "2026-10-25T01:30:00.000000+00:00"),
        ("2026-03-29", "2026-03-29T23:59:59.999999+02:00"),
    ],
)
def test_a_text_with_its_own_offset_keeps_its_moment_beside_others_without(
    tmp_path: Path, text: str, moment: str
) -> None:
    formats = "['%Y-%m-%dT%H:%M:%S%z', '%d.%m.%Y %H:%M %z', '%Y-%m-%d']"
    assert read(tmp_path, f"SELECT day(t, {formats}, 'Europe/Berlin') {of_column(text)}") == [(moment,)]


def test_a_file_that_a_source_can_do_without_has_its_header(tmp_path: Path) -> None:
    rows = "SELECT count(*), count(lead_id) FROM read_lines(file_or_header(getvariable('raw_dir') || '/none.csv', 'lead_id,x'))"
    assert read(tmp_path, rows) == [(0, 0)]


@pytest.mark.parametrize(
    ("text", "style", "number"),
    [
        ("1.234,50 €", "de", "1234.50"),
        ("3.000", "de", "3000"),
        ("12.500,00", "de", "12500.00"),
        ("EUR 1.200,-", "de", "1200"),
        ("-1.234.567", "de", "-1234567"),
        ("12-", "de", "-12"),
        ("12,5 %", "de", "12.5"),
        ("1\u202f234,5", "de", "1234.5"),
        ("CHF 1’234.50", "en", "1234.50"),
        ("$1,234.50", "en", "1234.50"),
        ("(1,234.50)", "en", "-1234.50"),
        ("−5", "en", "-5"),
        ("1,23E+12", "de", "1.23E+12"),
        ("4200", "de", "4200"),
        ("ca. 500", "de", "ca. 500"),
        ("1.25", "de", "1.25 (not in style de)"),
        ("1.2345", "de", "1.2345 (not in style de)"),
        ("1,5", "en", "1,5"),
        ("100-200", "de", "100-200"),
        ("", "de", None),
        ("€", "de", None),
    ],
)
def test_a_number_is_read_in_its_style_or_stays_what_it_is(
    tmp_path: Path, text: str, style: str, number: str | None
) -> None:
    assert read(tmp_path, f"SELECT number(t, '{style}') {of_column(text)}") == [(number,)]


def test_an_unknown_style_of_numbers_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"style is 'de' \(1\.234,50\) or 'en'.*got fr"):
        read(tmp_path, "SELECT number('1', 'fr')")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Ja", "true"),
        (" NEIN ", "false"),
        ("x", "true"),
        ("wahr", "true"),
        ("No", "false"),
        ("vielleicht", "vielleicht"),
        ("", ""),
    ],
)
def test_yes_and_no_are_read_in_both_languages(tmp_path: Path, text: str, value: str) -> None:
    assert read(tmp_path, f"SELECT yes(t) {of_column(text)}") == [(value,)]


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


@pytest.mark.parametrize("charset", ["utf-8", "cp1252", "utf-16"])
def test_notes_of_several_lines_in_a_file_of_windows(tmp_path: Path, charset: str) -> None:
    """Rows end with carriage return and newline, lines within a note with a newline alone."""
    path = tmp_path / "notes.csv"
    path.write_bytes('id,"a\nb"\r\n1,"x\ny"\r\n2,z\r\n'.encode(charset))
    with connect() as connection:
        install_helpers(connection)
        rows = connection.execute(
            f"SELECT * EXCLUDE source_file FROM read_lines('{path}', charset := '{charset}')"
        ).fetchall()
    assert rows == [("1", "x\ny", 3), ("2", "z", 5)]
