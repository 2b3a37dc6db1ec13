-- Leads of a seller of online courses: attributes only, no timestamps. `Lead Number` is roughly their order in time, so the clock
-- is ordinal: leads are laid one minute apart, and a converted one is qualified a second after it came in. "Select" in a form
-- field means that nothing was chosen.

CREATE OR REPLACE TEMP VIEW numbered AS
SELECT
    *,
    TIMESTAMP '2000-01-01 00:00:00' + to_minutes(row_number() OVER (ORDER BY try_cast("Lead Number" AS BIGINT)) - 1) AS created_at
FROM read_lines(getvariable('raw_dir') || '/leads.csv');

CREATE OR REPLACE VIEW export AS
SELECT max(created_at) + INTERVAL 1 DAY AS exported_at, 'ordinal' AS clock
FROM numbered;

CREATE OR REPLACE VIEW leads AS
SELECT
    "Prospect ID" AS lead_id,
    created_at,
    nullif("Lead Origin", 'Select') AS lead_origin,
    nullif("Lead Source", 'Select') AS lead_source,
    "Do Not Email" AS do_not_email,
    "Do Not Call" AS do_not_call,
    "TotalVisits" AS total_visits,
    "Total Time Spent on Website" AS total_time_spent_on_website,
    "Page Views Per Visit" AS page_views_per_visit,
    nullif("Last Activity", 'Select') AS last_activity,
    nullif("Country", 'Select') AS country,
    nullif("Specialization", 'Select') AS specialization,
    nullif("How did you hear about X Education", 'Select') AS how_did_you_hear,
    nullif("What is your current occupation", 'Select') AS current_occupation,
    nullif("What matters most to you in choosing a course", 'Select') AS what_matters_most,
    "Search" AS search,
    "Magazine" AS magazine,
    "Newspaper Article" AS newspaper_article,
    "X Education Forums" AS x_education_forums,
    "Newspaper" AS newspaper,
    "Digital Advertisement" AS digital_advertisement,
    "Through Recommendations" AS through_recommendations,
    "Receive More Updates About Our Courses" AS receive_more_updates,
    nullif("Tags", 'Select') AS tags,
    nullif("Lead Quality", 'Select') AS lead_quality,
    "Update me on Supply Chain Content" AS update_on_supply_chain,
    "Get updates on DM Content" AS update_on_dm,
    nullif("Lead Profile", 'Select') AS lead_profile,
    nullif("City", 'Select') AS city,
    nullif("Asymmetrique Activity Index", 'Select') AS asymmetrique_activity_index,
    nullif("Asymmetrique Profile Index", 'Select') AS asymmetrique_profile_index,
    "Asymmetrique Activity Score" AS asymmetrique_activity_score,
    "Asymmetrique Profile Score" AS asymmetrique_profile_score,
    "I agree to pay the amount through cheque" AS pay_through_cheque,
    "A free copy of Mastering The Interview" AS free_copy,
    nullif("Last Notable Activity", 'Select') AS last_notable_activity,
    source_file,
    source_line
FROM numbered;

CREATE OR REPLACE VIEW stage_changes AS
SELECT "Prospect ID" AS lead_id, 'mql' AS stage, created_at AS occurred_at, source_file, source_line
FROM numbered
UNION ALL
SELECT
    "Prospect ID" AS lead_id,
    'sales_qualified' AS stage,
    created_at + INTERVAL 1 SECOND AS occurred_at,
    source_file,
    source_line
FROM numbered
WHERE "Converted" = '1';

-- Form fields are known at creation. Counters, the last activity and the two opt-outs keep changing and were read at the export.
-- Sales fills in tags, quality and profile, and the scoring tool its own figures, when it knows how the lead went.
CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (
    VALUES
        ('lead', 'lead_origin', 'category', 'creation'),
        ('lead', 'lead_source', 'category', 'creation'),
        ('lead', 'do_not_email', 'boolean', 'export'),
        ('lead', 'do_not_call', 'boolean', 'export'),
        ('lead', 'total_visits', 'number', 'export'),
        ('lead', 'total_time_spent_on_website', 'number', 'export'),
        ('lead', 'page_views_per_visit', 'number', 'export'),
        ('lead', 'last_activity', 'category', 'export'),
        ('lead', 'country', 'category', 'creation'),
        ('lead', 'specialization', 'category', 'creation'),
        ('lead', 'how_did_you_hear', 'category', 'creation'),
        ('lead', 'current_occupation', 'category', 'creation'),
        ('lead', 'what_matters_most', 'category', 'creation'),
        ('lead', 'search', 'boolean', 'creation'),
        ('lead', 'magazine', 'boolean', 'creation'),
        ('lead', 'newspaper_article', 'boolean', 'creation'),
        ('lead', 'x_education_forums', 'boolean', 'creation'),
        ('lead', 'newspaper', 'boolean', 'creation'),
        ('lead', 'digital_advertisement', 'boolean', 'creation'),
        ('lead', 'through_recommendations', 'boolean', 'creation'),
        ('lead', 'receive_more_updates', 'boolean', 'creation'),
        ('lead', 'tags', 'category', 'after'),
        ('lead', 'lead_quality', 'category', 'after'),
        ('lead', 'update_on_supply_chain', 'boolean', 'creation'),
        ('lead', 'update_on_dm', 'boolean', 'creation'),
        ('lead', 'lead_profile', 'category', 'after'),
        ('lead', 'city', 'category', 'creation'),
        ('lead', 'asymmetrique_activity_index', 'category', 'after'),
        ('lead', 'asymmetrique_profile_index', 'category', 'after'),
        ('lead', 'asymmetrique_activity_score', 'number', 'after'),
        ('lead', 'asymmetrique_profile_score', 'number', 'after'),
        ('lead', 'pay_through_cheque', 'boolean', 'creation'),
        ('lead', 'free_copy', 'boolean', 'creation'),
        ('lead', 'last_notable_activity', 'category', 'after')
) AS declared (entity, attribute, type, known_at);
