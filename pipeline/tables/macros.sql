-- What every source's SQL may call. docs/your-own-data.md describes each.

-- A CSV as text, with the line of the file that each row begins on. The file is read a second time as plain lines: a row begins on
-- a line that is not empty and lies outside quotes (rows may hold quoted line breaks, and the reader skips empty lines). Nothing is
-- left to detection: it would skip leading rows that look unlike the rest, and lose them silently.
-- utf8_file: the path itself, or that of a copy in UTF-8 without the lines to skip; see text_files.py.
CREATE MACRO lines_of(path, separator, charset, lines_before, lines_after) AS TABLE
WITH plain AS (
    SELECT row_number() OVER () AS line, rtrim(coalesce(text, ''), chr(13)) AS text
    FROM read_csv(utf8_file(path, charset, lines_before, lines_after), columns = {'text': 'VARCHAR'}, auto_detect = false,
                  header = false, delim = chr(1), quote = '', escape = '', comment = '', skip = 0, encoding = 'utf-8')
),
counted AS (
    SELECT line, text, sum(length(text) - length(replace(text, '"', '')))
        OVER (ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS quotes
    FROM plain
),
begins AS (
    SELECT line + lines_before AS source_line FROM counted WHERE text <> '' AND coalesce(quotes, 0) % 2 = 0 ORDER BY line OFFSET 1
)
SELECT rows_of_text.*, path AS source_file, begins.source_line
FROM (
    SELECT * FROM read_csv(utf8_file(path, charset, lines_before, lines_after), header = true, all_varchar = true,
                           delim = separator, quote = '"', escape = '"', comment = '', skip = 0, strict_mode = true, encoding = 'utf-8')
) AS rows_of_text
POSITIONAL JOIN begins;

-- `skip` is an option of read_csv, too: a parameter of this name can't stand beside it in one macro.
CREATE MACRO read_lines(path, separator := ',', charset := 'utf-8', skip := 0, skip_end := 0) AS TABLE
SELECT * FROM lines_of(path, separator, charset, skip, skip_end);

-- A sheet of a workbook (XLSX) as text; without a name the first one. source_line is the row of the sheet.
CREATE MACRO read_sheet(path, sheet := '', skip := 0, skip_end := 0) AS TABLE
SELECT * REPLACE (path AS source_file) FROM read_lines(sheet_file(path, sheet), skip := skip, skip_end := skip_end);

-- A TIMESTAMP in a zone as ISO 8601 text with the zone's offset, so that its day stays the day that people saw.
CREATE MACRO with_offset(local_time, zone) AS
strftime(local_time, '%Y-%m-%dT%H:%M:%S')
|| if(date_trunc('second', local_time) = local_time, '', strftime(local_time, '.%f'))
|| if(local_time < (local_time AT TIME ZONE zone) AT TIME ZONE 'UTC', '-', '+')
|| printf(
    '%02d:%02d',
    abs(date_diff('minute', (local_time AT TIME ZONE zone) AT TIME ZONE 'UTC', local_time)) // 60,
    abs(date_diff('minute', (local_time AT TIME ZONE zone) AT TIME ZONE 'UTC', local_time)) % 60
);

-- Whether a text says its offset from UTC: after a time of day, else the day of '2026-01-05' would pass for one.
CREATE MACRO says_offset(text) AS
regexp_matches(text, '(?i)\d{1,2}[:.]\d{2}([:.]\d{2}([.,]\d+)?)?( ?[ap]\.?m\.?)?\s?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$');

-- A moment that says its offset as a cast and %z read it: '2026-01-05t10:00:00,5 -0600' is '2026-01-05T10:00:00.5-0600', and UTC +00:00.
-- Microseconds are the finest that %z goes with.
CREATE MACRO offset_joined(text) AS
regexp_replace(
    regexp_replace(
        regexp_replace(
            regexp_replace(text, '(?i)(\d|m\.?)\s?(?:z|utc|gmt)$', '\1+00:00'),
            '(?i)([:.]\d{2}(?:[.,]\d+)?|m\.?)\s+([+-]\d{2}(?::?\d{2})?)$', '\1\2'
        ),
        '(?i)([:.]\d{2})[.,](\d{1,6})\d*( ?[ap]\.?m\.?)?([+-])', '\1.\2\3\4'
    ),
    '^(\d{4}-\d{1,2}-\d{1,2})t', '\1T'
);

-- What was parsed as text with the zone's offset; `parsed` has a zone where one of the formats has %z. A text that says its own offset
-- keeps its moment, in the hour that comes twice, too.
CREATE MACRO in_zone(text, parsed, zone) AS
CASE
    WHEN says_offset(text) AND (parsed IS NULL OR typeof(parsed) = 'TIMESTAMP WITH TIME ZONE')
        THEN if(
            try_cast(text AS TIMESTAMPTZ) IS NOT NULL,
            text,
            coalesce(strftime(parsed::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00'), text)
        )
    ELSE coalesce(with_offset(parsed::TIMESTAMP, zone), text)
END;

-- A local time in words of its own as a time with an offset; what does not fit stays as it is, for quarantine.
CREATE MACRO moment(text, format, zone) AS in_zone(text, try_strptime(text, format), zone);

-- As `moment`; without a time of day it is the end of its day, the last microsecond. Ingest takes a day that the export lies in as
-- known at the export. With one argument it is DuckDB's own `day`.
CREATE MACRO day(date) AS date_part('day', date),
(text, format, zone) AS
in_zone(
    text,
    try_strptime(text, format) + if(
        NOT says_offset(text) AND try_strptime(text, format)::TIMESTAMP = date_trunc('day', try_strptime(text, format)::TIMESTAMP),
        INTERVAL 1 DAY - INTERVAL 1 MICROSECOND,
        INTERVAL 0 DAY
    ),
    zone
);

-- Text without blanks around it, no-break spaces included.
CREATE MACRO trimmed(text) AS trim(text, ' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(8239) || chr(8201) || chr(65279));

-- Whether a text says that there is nothing: what databases, spreadsheets, web analytics and people write for a missing value.
-- 'NA' is Namibia, and 'none' may be an answer: neither is in the list.
CREATE MACRO says_missing(text) AS
lower(text) IN (
    'null', '(null)', '<null>', '[null]', '\n', 'nil', 'nan', 'n/a', '#n/a', '#nv', '#value!', '#wert!', '#ref!', '#bezug!', 'n.a.', 'n. a.',
    'k.a.', 'k. a.', 'keine angabe', 'undefined', '(not set)', 'not set', '(not provided)', '(blank)', '(leer)', '--none--', '--kein--',
    '-', '--', '–', '—', '?',
    -- what databases write into a date that is none
    '0000-00-00', '0000-00-00 00:00:00', '00000000', '00.00.0000', '00/00/0000'
);

-- Text in one spelling (NFC), without blanks around it; missing where it says so.
CREATE MACRO tidied(text) AS
if(says_missing(trimmed(nfc_normalize(text))), NULL, nullif(trimmed(nfc_normalize(text)), ''));

-- Whether a text says something.
CREATE MACRO present(text) AS tidied(text) IS NOT NULL;

-- Whether `tidied` gives something else. Cheap for the many texts of which it is not so: the first letter and the length rule most
-- of them out.
CREATE MACRO untidy(text) AS
text <> '' AND (
    ascii(text) <= 32 OR ascii(text) IN (160, 8201, 8239, 65279) OR ends_with(text, ' ') OR ends_with(text, chr(9))
    OR ends_with(text, chr(10)) OR ends_with(text, chr(13)) OR ends_with(text, chr(160)) OR ends_with(text, chr(8201))
    OR ends_with(text, chr(8239)) OR ends_with(text, chr(65279))
    OR (strlen(text) <= 20 AND ascii(lower(left(text, 1))) IN (35, 40, 45, 48, 60, 63, 91, 92, 107, 110, 117, 8211, 8212) AND says_missing(text))
    OR nfc_normalize(text) <> text
);

-- Whether a spreadsheet wrote a long number in short, 1.23E+12: which id it was nobody can tell any more.
CREATE MACRO rounded_id(text) AS
(contains(text, 'E+') OR contains(text, 'e+')) AND regexp_full_match(trim(text), '[0-9]([.,][0-9]+)?[eE][+][0-9]+');

-- A number without its currency, percent sign and blanks; a minus may follow, or brackets stand for it.
CREATE MACRO bare_number(text) AS
regexp_replace(
    regexp_replace(
        regexp_replace(
            replace(replace(text, '−', '-'), '’', ''''),
            '(?i)[\s\x{a0}\x{2009}\x{202f}€$£¥%]|\b(EUR|USD|GBP|CHF)\b', '', 'g'
        ),
        ',[-–—]+$', ''
    ),
    '^(?:\((.*)\)|(.+)-)$', '-\1\2'
);

-- A number as people write it, as text that casts to one. Style 'de': 1.234,50; 'en': 1,234.50; both also 1 234 and 1'234.
-- Thousands come in threes, else it is not a number of this style and is marked so: 1.25 is not 125 in 'de'.
CREATE MACRO number(text, style) AS
CASE
    WHEN style NOT IN ('de', 'en') THEN error('number(text, style): style is ''de'' (1.234,50) or ''en'' (1,234.50), got ' || style)
    WHEN style = 'de' AND regexp_matches(bare_number(text), '^[+-]?(\d{1,3}([.'']\d{3})+|\d+)?(,\d+)?([eE][+-]?\d+)?$')
        THEN nullif(replace(translate(bare_number(text), '.''', ''), ',', '.'), '')
    WHEN style = 'en' AND regexp_matches(bare_number(text), '^[+-]?(\d{1,3}([,'']\d{3})+|\d+)?(\.\d+)?([eE][+-]?\d+)?$')
        THEN nullif(translate(bare_number(text), ',''', ''), '')
    WHEN try_cast(text AS DOUBLE) IS NOT NULL THEN text || ' (not in style ' || style || ')'
    ELSE text
END;

-- A yes or no in English or German as text that casts to a boolean; anything else stays as it is.
CREATE MACRO yes(text) AS
CASE
    WHEN lower(trimmed(text)) IN ('ja', 'j', 'yes', 'y', 'true', 't', 'wahr', 'w', '1', 'on', 'an', 'x', '✓', '✔', '☑') THEN 'true'
    WHEN lower(trimmed(text)) IN ('nein', 'n', 'no', 'false', 'f', 'falsch', '0', 'off', 'aus', '✗', '✘', '☐') THEN 'false'
    ELSE text
END;

-- Whether an address, or a domain, is of a provider that anybody may use; missing stays missing.
CREATE MACRO free_mail(address) AS
list_contains(getvariable('free_mail_domains'), nullif(lower(trim(split_part(address, '@', -1))), ''));

-- Hand-overs from four views with lead_id and occurred_at (TIMESTAMPTZ): who was queued, handed over (with owner), contacted by sales, and
-- ended. Each wait in the queue lasts until the lead's next one, or its outcome; in it count the first hand-over, and the first contact
-- at or after that. A wait without a hand-over gives no row.
CREATE MACRO hand_overs(queued, handed_over, contacted, ended) AS TABLE
WITH waits AS (
    SELECT lead_id, occurred_at AS queued_at, lead(occurred_at) OVER (PARTITION BY lead_id ORDER BY occurred_at) AS next_at
    FROM (SELECT DISTINCT lead_id, occurred_at FROM query_table(queued) WHERE occurred_at IS NOT NULL)
),
bounded AS (
    SELECT w.lead_id, w.queued_at,
        least(
            coalesce(w.next_at - INTERVAL 1 MICROSECOND, 'infinity'::TIMESTAMPTZ), coalesce(e.occurred_at, 'infinity'::TIMESTAMPTZ)
        ) AS last_at
    FROM waits AS w ASOF LEFT JOIN query_table(ended) AS e ON w.lead_id = e.lead_id AND w.queued_at <= e.occurred_at
),
given AS (
    SELECT b.*, h.occurred_at AS handed_over_at, h.owner
    FROM bounded AS b ASOF JOIN query_table(handed_over) AS h ON b.lead_id = h.lead_id AND b.queued_at <= h.occurred_at
    WHERE h.occurred_at <= b.last_at
)
SELECT g.lead_id, g.queued_at, g.handed_over_at, if(c.occurred_at <= g.last_at, c.occurred_at, NULL) AS first_contact_at, g.owner
FROM given AS g ASOF LEFT JOIN query_table(contacted) AS c ON g.lead_id = c.lead_id AND g.handed_over_at <= c.occurred_at;
