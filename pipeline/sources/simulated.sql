-- The embedded default: the CRM and web-tracking export of a made-up company, written by `python -m pipeline.simulate`.
-- CRM tables are CSV, the tracking export is Parquet.
-- source_file and source_line (of Parquet files: the row, from 1) go into quarantine with a bad row.

CREATE OR REPLACE VIEW export AS
SELECT exported_at, clock
FROM read_lines(getvariable('raw_dir') || '/export.csv');

CREATE OR REPLACE VIEW accounts AS
SELECT
    account_id,
    industry,
    employees::DOUBLE AS employees,
    country,
    revenue_band,
    existing_customer::BOOLEAN AS existing_customer,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/accounts.csv');

CREATE OR REPLACE VIEW leads AS
SELECT
    lead_id,
    account_id,
    created_at,
    role,
    seniority,
    free_mail::BOOLEAN AS free_mail,
    newsletter::BOOLEAN AS newsletter,
    source_campaign,
    mql_campaign,
    owner_region,
    sales_rating,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/leads.csv');

CREATE OR REPLACE VIEW touchpoints AS
SELECT
    touchpoint_id,
    lead_id,
    NULL::VARCHAR AS visitor_id,
    occurred_at,
    recorded_at,
    kind,
    channel,
    asset,
    campaign,
    NULL::DOUBLE AS value,
    "by",
    NULL::VARCHAR AS consent,
    filename AS source_file,
    file_row_number + 1 AS source_line
FROM read_parquet(getvariable('raw_dir') || '/touchpoints/*.parquet', filename = true, file_row_number = true);

CREATE OR REPLACE VIEW stage_changes AS
SELECT
    lead_id,
    stage,
    occurred_at,
    recorded_at,
    reason,
    owner,
    team,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/stage_changes.csv');

CREATE OR REPLACE VIEW handovers AS
SELECT
    lead_id,
    queued_at,
    handed_over_at,
    first_contact_at,
    owner,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/handovers.csv');

CREATE OR REPLACE VIEW attribute_changes AS
SELECT
    lead_id,
    account_id,
    attribute,
    value,
    occurred_at,
    recorded_at,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/attribute_changes.csv');

CREATE OR REPLACE VIEW campaign_costs AS
SELECT
    campaign,
    spent_at,
    amount::DOUBLE AS amount,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/campaign_costs.csv');

CREATE OR REPLACE VIEW orders AS
SELECT
    account_id,
    ordered_at,
    amount::DOUBLE AS amount,
    product,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/orders.csv');

-- employees and owner_region are overwritten in place, but attribute_changes keeps their history from the beginning.
-- sales_rating is filled in by sales when it already knows how the lead ended: never a feature.
CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (
    VALUES
        ('account', 'industry', 'category', 'creation'),
        ('account', 'employees', 'number', 'creation'),
        ('account', 'country', 'category', 'creation'),
        ('account', 'revenue_band', 'category', 'creation'),
        ('account', 'existing_customer', 'boolean', 'creation'),
        ('lead', 'role', 'category', 'creation'),
        ('lead', 'seniority', 'category', 'creation'),
        ('lead', 'free_mail', 'boolean', 'creation'),
        ('lead', 'newsletter', 'boolean', 'creation'),
        ('lead', 'source_campaign', 'category', 'creation'),
        ('lead', 'mql_campaign', 'category', 'mql'),
        ('lead', 'owner_region', 'category', 'creation'),
        ('lead', 'sales_rating', 'category', 'after')
) AS declared (entity, attribute, type, known_at);
