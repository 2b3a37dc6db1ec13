-- Any CRM: three CSV files, leads.csv, touchpoints.csv and stage_changes.csv, with the names of the data contract as headers, and
-- merged_leads.csv, where the CRM merges records.
-- Copy it, and declare the further columns of leads.csv in `attributes`. See docs/crm-adapters.md and docs/your-own-data.md.
-- The moment of the export is the latest one in the files of what nobody plans ahead: nothing later is known, and what was booked for
-- later goes to quarantine. A year typed wrong elsewhere moves it: then set ingest.exported_at.

CREATE OR REPLACE VIEW merged_leads AS
SELECT * FROM read_lines(file_or_header(getvariable('raw_dir') || '/merged_leads.csv', 'lead_id,merged_into'));

CREATE OR REPLACE VIEW leads AS
SELECT * FROM read_lines(getvariable('raw_dir') || '/leads.csv')
WHERE lead_id NOT IN (SELECT m.lead_id FROM merged_leads AS m);

CREATE OR REPLACE VIEW touchpoints AS
SELECT * FROM read_lines(getvariable('raw_dir') || '/touchpoints.csv');

CREATE OR REPLACE VIEW stage_changes AS
SELECT * FROM read_lines(getvariable('raw_dir') || '/stage_changes.csv');

CREATE OR REPLACE VIEW accounts AS
SELECT DISTINCT account_id FROM leads WHERE coalesce(account_id, '') <> '';

CREATE OR REPLACE VIEW export AS
SELECT max(try_cast(moment AS TIMESTAMPTZ)) AS exported_at, 'real' AS clock
FROM (
    SELECT created_at AS moment FROM leads
    UNION ALL
    SELECT occurred_at FROM touchpoints
    WHERE NOT regexp_matches(lower(kind), 'webinar|event|meeting|demo|call|fair|visit|appointment|termin|messe|training|task')
    UNION ALL
    SELECT occurred_at FROM stage_changes
);

CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (
    VALUES
        ('lead', 'role', 'category', 'creation'),
        ('lead', 'source', 'category', 'creation')
) AS declared (entity, attribute, type, known_at);
