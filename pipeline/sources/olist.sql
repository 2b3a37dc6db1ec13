-- Marketing funnel of a Brazilian marketplace. Sellers who asked for contact are MQLs from their first contact on; a closed deal
-- qualifies them. First contacts are dates, deals carry seconds; both are taken as UTC. There are no touchpoints.

CREATE OR REPLACE TEMP VIEW deals AS
SELECT * FROM read_lines(getvariable('raw_dir') || '/olist_closed_deals_dataset.csv');

-- The day after the last deal.
CREATE OR REPLACE VIEW export AS
SELECT date_trunc('day', max(try_cast(won_date AS TIMESTAMP))) + INTERVAL 1 DAY AS exported_at, 'real' AS clock
FROM deals;

CREATE OR REPLACE VIEW leads AS
SELECT
    mqls.mql_id AS lead_id,
    mqls.first_contact_date || 'T00:00:00Z' AS created_at,
    mqls.landing_page_id,
    mqls.origin,
    deals.seller_id,
    deals.sdr_id,
    deals.sr_id,
    deals.business_segment,
    deals.lead_type,
    deals.lead_behaviour_profile,
    deals.has_company,
    deals.has_gtin,
    deals.average_stock,
    deals.business_type,
    deals.declared_product_catalog_size,
    deals.declared_monthly_revenue,
    mqls.source_file,
    mqls.source_line
FROM read_lines(getvariable('raw_dir') || '/olist_marketing_qualified_leads_dataset.csv') AS mqls
LEFT JOIN deals USING (mql_id);

CREATE OR REPLACE VIEW stage_changes AS
SELECT lead_id, 'mql' AS stage, created_at AS occurred_at, NULL AS owner, source_file, source_line
FROM leads
UNION ALL
SELECT mql_id AS lead_id, 'sales_qualified' AS stage, won_date || 'Z' AS occurred_at, sr_id AS owner, source_file, source_line
FROM deals;

-- Whatever stands in the file of deals exists for winners alone.
CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (
    VALUES
        ('lead', 'landing_page_id', 'category', 'creation'),
        ('lead', 'origin', 'category', 'creation'),
        ('lead', 'seller_id', 'category', 'after'),
        ('lead', 'sdr_id', 'category', 'after'),
        ('lead', 'sr_id', 'category', 'after'),
        ('lead', 'business_segment', 'category', 'after'),
        ('lead', 'lead_type', 'category', 'after'),
        ('lead', 'lead_behaviour_profile', 'category', 'after'),
        ('lead', 'has_company', 'boolean', 'after'),
        ('lead', 'has_gtin', 'boolean', 'after'),
        ('lead', 'average_stock', 'category', 'after'),
        ('lead', 'business_type', 'category', 'after'),
        ('lead', 'declared_product_catalog_size', 'number', 'after'),
        ('lead', 'declared_monthly_revenue', 'number', 'after')
) AS declared (entity, attribute, type, known_at);
