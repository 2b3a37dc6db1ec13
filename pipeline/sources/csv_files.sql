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

-- Hand-overs: a lead is queued when it becomes an MQL; it is handed over when a stage change names an owner, or says `sal`; its first
-- contact is the first touchpoint `by` sales after that. Change the rule where your company works otherwise. Without owners and `sal`,
-- or without `by`, there are none, and nothing is said of when to call.
CREATE OR REPLACE VIEW stages_known AS
SELECT lead_id, stage, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at, nullif(trim(owner), '') AS owner
FROM (SELECT NULL::VARCHAR AS owner WHERE false UNION ALL BY NAME SELECT * FROM stage_changes) AS s
WHERE lead_id IN (SELECT l.lead_id FROM leads AS l) AND try_cast(occurred_at AS TIMESTAMPTZ) <= (SELECT exported_at FROM export);

CREATE OR REPLACE VIEW queued AS SELECT lead_id, occurred_at FROM stages_known WHERE stage = 'mql';

CREATE OR REPLACE VIEW handed_over AS
SELECT lead_id, occurred_at, owner FROM stages_known WHERE stage = 'sal' OR (stage IN ('inquiry', 'mql') AND owner IS NOT NULL);

CREATE OR REPLACE VIEW contacted AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at
FROM (SELECT NULL::VARCHAR AS "by" WHERE false UNION ALL BY NAME SELECT * FROM touchpoints) AS t
WHERE "by" = 'sales' AND try_cast(occurred_at AS TIMESTAMPTZ) <= (SELECT exported_at FROM export);

CREATE OR REPLACE VIEW ended AS
SELECT lead_id, occurred_at FROM stages_known WHERE stage IN ('sales_qualified', 'disqualified', 'recycled', 'customer');

CREATE OR REPLACE VIEW handovers AS
SELECT * FROM hand_overs('queued', 'handed_over', 'contacted', 'ended');

CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (
    VALUES
        ('lead', 'role', 'category', 'creation'),
        ('lead', 'source', 'category', 'creation')
) AS declared (entity, attribute, type, known_at);
