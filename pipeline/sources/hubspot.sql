-- HubSpot, as `python -m pipeline.pull_crm --crm hubspot` wrote it. See docs/crm-adapters.md.
-- What happened while the pull was running is left to the next one: `export` is the moment at which this one began.
-- Values stay text, so that what does not parse goes to quarantine as it came.

CREATE OR REPLACE VIEW export AS
SELECT exported_at, clock FROM read_parquet(getvariable('raw_dir') || '/export.parquet');

CREATE OR REPLACE VIEW attributes AS
SELECT entity, attribute, type, known_at FROM read_parquet(getvariable('raw_dir') || '/attributes.parquet');

CREATE OR REPLACE MACRO not_yet(moment) AS
coalesce(try_cast(moment AS TIMESTAMPTZ) > (SELECT exported_at::TIMESTAMPTZ FROM export), false);

CREATE OR REPLACE VIEW accounts AS
SELECT id AS account_id, * EXCLUDE (id)
FROM read_parquet(getvariable('raw_dir') || '/accounts.parquet');

CREATE OR REPLACE VIEW leads AS
SELECT
    id AS lead_id,
    if(account_id IN (SELECT a.account_id FROM accounts AS a), account_id, NULL) AS account_id,
    * EXCLUDE (id, account_id, contact_id, opportunity_id, crm_account_id)
FROM read_parquet(getvariable('raw_dir') || '/leads.parquet')
WHERE NOT not_yet(created_at);

-- Old ids, for whoever still holds one: score logs, lists, outcomes that came otherwise.
CREATE OR REPLACE VIEW merged_leads AS
SELECT id AS lead_id, now AS merged_into, retired_at AS merged_at
FROM read_parquet(getvariable('raw_dir') || '/retired_ids.parquet')
WHERE entity = 'lead' AND now IN (SELECT l.lead_id FROM leads AS l);

CREATE OR REPLACE VIEW touchpoints AS
SELECT
    id || '-' || lead_id AS touchpoint_id,
    lead_id,
    occurred_at,
    coalesce(recorded_at, occurred_at) AS recorded_at,
    kind,
    channel,
    asset,
    campaign,
    "by"
FROM read_parquet(getvariable('raw_dir') || '/touchpoints.parquet')
WHERE NOT not_yet(greatest(try_cast(occurred_at AS TIMESTAMPTZ), try_cast(recorded_at AS TIMESTAMPTZ)));

CREATE OR REPLACE VIEW stage_changes AS
SELECT lead_id, stage, occurred_at, reason, owner
FROM read_parquet(getvariable('raw_dir') || '/stage_changes.parquet')
WHERE NOT not_yet(occurred_at);

CREATE OR REPLACE VIEW attribute_changes AS
SELECT
    lead_id,
    account_id,
    attribute,
    if(attribute = 'account_id' AND value NOT IN (SELECT a.account_id FROM accounts AS a), NULL, value) AS value,
    occurred_at
FROM read_parquet(getvariable('raw_dir') || '/attribute_changes.parquet')
WHERE NOT not_yet(occurred_at);

CREATE OR REPLACE VIEW orders AS
SELECT account_id, ordered_at, amount
FROM read_parquet(getvariable('raw_dir') || '/orders.parquet')
WHERE NOT not_yet(ordered_at);

-- Hand-overs: a lead is queued when it becomes an MQL; it is handed over when somebody of the company becomes its owner, or its stage
-- becomes `sal`; its first contact is the first touchpoint by sales after that. Who owned it before it was queued has it from the
-- MQL moment on. Change the rule where your company works otherwise.
CREATE OR REPLACE VIEW queued AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at
FROM stage_changes
WHERE stage = 'mql' AND lead_id IN (SELECT l.lead_id FROM leads AS l);

CREATE OR REPLACE VIEW owners AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at, assigned = 'true' AS assigned, owner
FROM read_parquet(getvariable('raw_dir') || '/owner_changes.parquet')
WHERE NOT not_yet(occurred_at);

CREATE OR REPLACE VIEW handed_over AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at, owner FROM stage_changes WHERE stage = 'sal'
UNION ALL
SELECT lead_id, occurred_at, owner FROM owners WHERE assigned
UNION ALL
SELECT q.lead_id, q.occurred_at, o.owner
FROM queued AS q ASOF JOIN owners AS o ON q.lead_id = o.lead_id AND q.occurred_at >= o.occurred_at
WHERE o.assigned;

CREATE OR REPLACE VIEW contacted AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at FROM touchpoints WHERE "by" = 'sales';

CREATE OR REPLACE VIEW ended AS
SELECT lead_id, try_cast(occurred_at AS TIMESTAMPTZ) AS occurred_at
FROM stage_changes
WHERE stage IN ('sales_qualified', 'disqualified', 'recycled', 'customer');

CREATE OR REPLACE VIEW handovers AS
SELECT * FROM hand_overs('queued', 'handed_over', 'contacted', 'ended');
