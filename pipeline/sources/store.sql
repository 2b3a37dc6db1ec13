-- What the service was told as it happened: written by `python -m serving.export_store --out <ingest.raw_dir>`.
-- Sales' verdicts are among the stage changes, so that the next training learns from them.

CREATE OR REPLACE VIEW export AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/export.parquet');

CREATE OR REPLACE VIEW attributes AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/attributes.parquet');

CREATE OR REPLACE VIEW accounts AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/accounts.parquet');

-- The service takes what it is told of leads whose creation it does not know; such a lead is as old as its first sign of life.
CREATE OR REPLACE VIEW leads AS
WITH first AS (
    SELECT lead_id, min(occurred_at) AS occurred_at
    FROM (
        SELECT lead_id, occurred_at FROM read_parquet(getvariable('raw_dir') || '/touchpoints.parquet')
        UNION ALL
        SELECT lead_id, occurred_at FROM read_parquet(getvariable('raw_dir') || '/stage_changes.parquet')
        UNION ALL
        SELECT lead_id, occurred_at FROM read_parquet(getvariable('raw_dir') || '/attribute_changes.parquet')
    ) AS told
    GROUP BY lead_id
)
SELECT l.* REPLACE (coalesce(l.created_at, first.occurred_at) AS created_at)
FROM read_parquet(getvariable('raw_dir') || '/leads.parquet') l LEFT JOIN first USING (lead_id);

CREATE OR REPLACE VIEW touchpoints AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/touchpoints.parquet');

CREATE OR REPLACE VIEW stage_changes AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/stage_changes.parquet');

CREATE OR REPLACE VIEW attribute_changes AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/attribute_changes.parquet');

CREATE OR REPLACE VIEW orders AS SELECT * FROM read_parquet(getvariable('raw_dir') || '/orders.parquet');
