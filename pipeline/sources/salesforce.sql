-- Salesforce, as `python -m pipeline.pull_crm --crm salesforce` wrote it. See docs/crm-adapters.md.
-- What happened while the pull was running is left to the next one: `export` is the moment at which this one began.
-- Values stay text, so that what does not parse goes to quarantine as it came.

CREATE OR REPLACE VIEW export AS
SELECT exported_at, clock FROM read_parquet(getvariable('raw_dir') || '/export.parquet');

CREATE OR REPLACE VIEW attributes AS
SELECT entity, attribute, type, known_at FROM read_parquet(getvariable('raw_dir') || '/attributes.parquet');

-- A day without a time is its end: what happened on the day of the export was known at it.
CREATE OR REPLACE MACRO not_yet(moment) AS (
    SELECT
        coalesce(
            try_cast(moment AS TIMESTAMPTZ) > exported_at::TIMESTAMPTZ
            AND NOT (
                epoch_us(try_cast(moment AS TIMESTAMPTZ)) % 60000000 = 59999999
                AND try_cast(moment AS TIMESTAMPTZ) <= exported_at::TIMESTAMPTZ + INTERVAL 1 DAY
            ),
            false
        )
    FROM export
);

CREATE OR REPLACE VIEW accounts AS
SELECT DISTINCT account_id
FROM read_parquet(getvariable('raw_dir') || '/leads.parquet')
WHERE account_id IS NOT NULL;

CREATE OR REPLACE VIEW leads AS
SELECT id AS lead_id, * EXCLUDE (id, contact_id, opportunity_id, crm_account_id)
FROM read_parquet(getvariable('raw_dir') || '/leads.parquet')
WHERE NOT not_yet(created_at);

-- Old ids, for whoever still holds one: score logs, lists, outcomes that came otherwise.
CREATE OR REPLACE VIEW merged_leads AS
SELECT id AS lead_id, now AS merged_into, retired_at AS merged_at
FROM read_parquet(getvariable('raw_dir') || '/retired_ids.parquet')
WHERE entity = 'lead' AND now IN (SELECT l.lead_id FROM leads AS l);

-- What happened to the contact that a lead was converted into happened to the lead.
CREATE OR REPLACE VIEW contacts AS
SELECT contact_id, min(id) AS lead_id
FROM read_parquet(getvariable('raw_dir') || '/leads.parquet')
WHERE contact_id IS NOT NULL
GROUP BY contact_id;

-- Salesforce keeps activities of other people, too: partners, customers of old. They are nobody's in the funnel.
CREATE OR REPLACE VIEW touchpoints AS
SELECT
    t.id AS touchpoint_id,
    coalesce(c.lead_id, t.lead_id) AS lead_id,
    t.occurred_at,
    coalesce(t.recorded_at, t.occurred_at) AS recorded_at,
    t.kind,
    t.channel,
    t.asset,
    t.campaign,
    t."by"
FROM read_parquet(getvariable('raw_dir') || '/touchpoints.parquet') AS t
LEFT JOIN contacts AS c ON c.contact_id = t.lead_id
WHERE
    (c.lead_id IS NOT NULL OR starts_with(t.lead_id, '00Q'))
    AND NOT not_yet(greatest(try_cast(t.occurred_at AS TIMESTAMPTZ), try_cast(t.recorded_at AS TIMESTAMPTZ)));

-- What a lead went through before field history begins is not known: such leads are in or out as a whole, whatever became of them.
-- Where they are in, the pull gave them their first status since their creation; else it gave them none.
CREATE OR REPLACE VIEW before_history AS
SELECT l.id AS lead_id
FROM read_parquet(getvariable('raw_dir') || '/leads.parquet') AS l,
    read_parquet(getvariable('raw_dir') || '/history_begins.parquet') AS h
WHERE h.before = 'leave_out' AND (h.began_at IS NULL OR l.created_at::TIMESTAMPTZ < h.began_at::TIMESTAMPTZ);

-- A converted lead is a customer once the opportunity of its conversion is won.
CREATE OR REPLACE VIEW stage_changes AS
SELECT lead_id, stage, occurred_at, reason, owner
FROM read_parquet(getvariable('raw_dir') || '/stage_changes.parquet')
WHERE NOT not_yet(occurred_at) AND lead_id NOT IN (SELECT b.lead_id FROM before_history AS b)
UNION ALL
SELECT l.id, 'customer', o.ordered_at, NULL, NULL
FROM read_parquet(getvariable('raw_dir') || '/orders.parquet') AS o
INNER JOIN read_parquet(getvariable('raw_dir') || '/leads.parquet') AS l ON l.opportunity_id = o.id
WHERE NOT not_yet(o.ordered_at) AND l.id NOT IN (SELECT b.lead_id FROM before_history AS b);

CREATE OR REPLACE VIEW attribute_changes AS
SELECT lead_id, account_id, attribute, value, occurred_at
FROM read_parquet(getvariable('raw_dir') || '/attribute_changes.parquet')
WHERE NOT not_yet(occurred_at);

CREATE OR REPLACE VIEW orders AS
SELECT l.account_id, o.ordered_at, o.amount
FROM read_parquet(getvariable('raw_dir') || '/orders.parquet') AS o
INNER JOIN (
    SELECT crm_account_id, min(account_id) AS account_id
    FROM read_parquet(getvariable('raw_dir') || '/leads.parquet')
    WHERE account_id IS NOT NULL AND crm_account_id IS NOT NULL
    GROUP BY crm_account_id
) AS l ON l.crm_account_id = o.account_id
WHERE o.amount IS NOT NULL AND NOT not_yet(o.ordered_at);

-- Hand-overs: a lead is queued when it becomes an MQL; it is handed over when somebody of the company becomes its owner, or its stage
-- becomes `sal`; its first contact is the first touchpoint by sales after that. An owner whom it got before it was queued has it
-- from the MQL moment on; whose it was when it was created says nothing, as each lead is somebody's from then on. Change the rule where
-- your company works otherwise.
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
