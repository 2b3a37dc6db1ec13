-- What the service was told as it happened: written by `python -m serving.export_store --out <ingest.raw_dir>`.
-- Sales' verdicts are among the stage changes, so that the next training learns from them. What they were based on, the answers of
-- sales' check, stands in outcomes.parquet: it is known only after the outcome, and no view reads it.

CREATE OR REPLACE VIEW export AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/export.parquet');

CREATE OR REPLACE VIEW attributes AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/attributes.parquet');

CREATE OR REPLACE VIEW accounts AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/accounts.parquet');

-- Old ids of leads that became part of another one; what was sent of them belongs to it.
CREATE OR REPLACE VIEW merged_leads AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/merged_leads.parquet');

-- The service takes what it is told of leads whose creation it does not know; such a lead is as old as its first sign of life.
CREATE OR REPLACE VIEW leads AS
WITH RECURSIVE remains AS (
    SELECT lead_id, merged_into FROM merged_leads
    UNION
    SELECT r.lead_id, m.merged_into FROM remains AS r JOIN merged_leads AS m ON m.lead_id = r.merged_into
),
told AS (
    SELECT lead_id, occurred_at FROM read_parquet(getvariable('raw_dir') || '/touchpoints.parquet')
    UNION ALL
    SELECT lead_id, occurred_at FROM read_parquet(getvariable('raw_dir') || '/stage_changes.parquet')
    UNION ALL
    SELECT lead_id, occurred_at FROM read_parquet(getvariable('raw_dir') || '/attribute_changes.parquet')
    UNION ALL
    SELECT lead_id, identified_at FROM read_parquet(getvariable('raw_dir') || '/identities.parquet')
    UNION ALL
    SELECT lead_id, queued_at FROM read_parquet(getvariable('raw_dir') || '/handovers.parquet')
),
first AS (
    SELECT lead_id, min(occurred_at) AS occurred_at
    FROM (
        SELECT lead_id, occurred_at FROM told
        UNION ALL
        SELECT r.merged_into, t.occurred_at FROM told AS t JOIN remains AS r USING (lead_id)
    ) AS signs
    GROUP BY lead_id
)
SELECT l.* REPLACE (coalesce(l.created_at, first.occurred_at) AS created_at)
FROM read_parquet(getvariable('raw_dir') || '/leads.parquet') l LEFT JOIN first USING (lead_id);

-- Who visitors turned out to be.
CREATE OR REPLACE VIEW identities AS
SELECT visitor_id, lead_id, identified_at FROM read_parquet(getvariable('raw_dir') || '/identities.parquet');

CREATE OR REPLACE VIEW handovers AS
SELECT lead_id, queued_at, handed_over_at, first_contact_at, owner
FROM read_parquet(getvariable('raw_dir') || '/handovers.parquet');

-- What was advised of a lead, from when on: who was never called because of it is no plain negative.
CREATE OR REPLACE VIEW advices AS
SELECT lead_id, advised_at, advice, tier, propensity FROM read_parquet(getvariable('raw_dir') || '/advices.parquet');

CREATE OR REPLACE VIEW touchpoints AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/touchpoints.parquet');

CREATE OR REPLACE VIEW stage_changes AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/stage_changes.parquet');

CREATE OR REPLACE VIEW attribute_changes AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/attribute_changes.parquet');

CREATE OR REPLACE VIEW orders AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/orders.parquet');

-- Who objected to being scored: ingest leaves all of their rows out, and remembers them in the suppression list.
CREATE OR REPLACE VIEW objections AS
SELECT lead_id, occurred_at, recorded_at, state FROM read_parquet(getvariable('raw_dir') || '/objections.parquet');
