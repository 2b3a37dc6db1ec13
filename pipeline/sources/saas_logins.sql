-- Sign-ups of a B2B SaaS tool and their log-in days. Users are leads, their organisation is the account, log-ins are touchpoints.
-- Log-ins carry dates only, so all moments are days at 00:00 UTC and day 0 is the day of the sign-up.

CREATE OR REPLACE VIEW export AS
SELECT TIMESTAMP '2014-06-06 00:00:00' AS exported_at, 'real' AS clock;

CREATE OR REPLACE VIEW leads AS
SELECT
    user_id AS lead_id,
    org_id AS account_id,
    date_trunc('day', try_strptime(creation_time, '%d-%m-%Y %H:%M')) AS created_at,
    creation_source,
    opted_in_to_mailing_list,
    enabled_for_marketing_drip,
    invited_by_user_id IS NOT NULL AS invited,
    last_session_creation_time,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/users.csv');

CREATE OR REPLACE VIEW touchpoints AS
SELECT
    user_id AS lead_id,
    time_stamp || 'T00:00:00Z' AS occurred_at,
    'login' AS kind,
    'product' AS channel,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/logins.csv');

-- Adoption: the third log-in day within seven days, for the first time. Who has adopted before day 14 needs no call and never
-- becomes an MQL; everybody else becomes one at the start of day 14.
CREATE OR REPLACE VIEW stage_changes AS
WITH login_days AS (
    SELECT DISTINCT lead_id, (try_cast(occurred_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC') AS occurred_at FROM touchpoints
),

third_days AS (
    SELECT
        lead_id,
        occurred_at,
        lag(occurred_at, 2) OVER (PARTITION BY lead_id ORDER BY occurred_at) AS two_days_before
    FROM login_days
),

adoptions AS (
    SELECT lead_id, min(occurred_at) AS adopted_at
    FROM third_days
    WHERE occurred_at < two_days_before + INTERVAL 7 DAYS
    GROUP BY lead_id
),

qualified AS (
    SELECT
        leads.lead_id,
        leads.created_at + INTERVAL 14 DAYS AS mql_at,
        adoptions.adopted_at,
        leads.source_file,
        leads.source_line
    FROM leads
    LEFT JOIN adoptions USING (lead_id)
    WHERE adoptions.adopted_at IS NULL OR adoptions.adopted_at >= leads.created_at + INTERVAL 14 DAYS
)

SELECT lead_id, 'mql' AS stage, mql_at AS occurred_at, source_file, source_line
FROM qualified
WHERE mql_at <= (SELECT exported_at FROM export)
UNION ALL
SELECT lead_id, 'sales_qualified' AS stage, adopted_at AS occurred_at, source_file, source_line
FROM qualified
WHERE adopted_at IS NOT NULL;

-- The last session lies anywhere between sign-up and export, mostly after the outcome: it gives the outcome away.
CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (
    VALUES
        ('lead', 'creation_source', 'category', 'creation'),
        ('lead', 'opted_in_to_mailing_list', 'boolean', 'creation'),
        ('lead', 'enabled_for_marketing_drip', 'boolean', 'creation'),
        ('lead', 'invited', 'boolean', 'creation'),
        ('lead', 'last_session_creation_time', 'number', 'after')
) AS declared (entity, attribute, type, known_at);
