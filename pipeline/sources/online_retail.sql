-- Invoices of a UK wholesaler with minute timestamps, taken as UTC. Customers are leads and accounts at once; the question is
-- whether an existing customer buys again (risk set `customers`). An invoice has one line per article; C... is a cancellation.
-- A quarter of the lines names no customer: nobody's journey, so only the lines with one are read.

CREATE OR REPLACE TEMP VIEW invoice_lines AS
SELECT
    CustomerID AS customer_id,
    InvoiceNo AS invoice,
    try_strptime(InvoiceDate, '%Y-%m-%d %H:%M:%S') AS invoiced_at,
    try_cast(Quantity AS DOUBLE) * try_cast(UnitPrice AS DOUBLE) AS amount,
    Country AS country,
    source_file,
    source_line
FROM read_lines(getvariable('raw_dir') || '/online_retail.csv.gz');

-- Typing in a long invoice takes more than a minute; it is there when its last line is.
CREATE OR REPLACE TEMP TABLE invoices AS
SELECT
    customer_id,
    invoice,
    starts_with(invoice, 'C') AS is_cancellation,
    max(invoiced_at) AS invoiced_at,
    sum(amount) AS amount,
    min_by(country, source_line) AS country,
    any_value(source_file) AS source_file,
    min(source_line) AS source_line
FROM invoice_lines
WHERE customer_id IS NOT NULL
GROUP BY customer_id, invoice;

CREATE OR REPLACE VIEW export AS
SELECT max(invoiced_at) + INTERVAL 1 MINUTE AS exported_at, 'real' AS clock
FROM invoices;

CREATE OR REPLACE VIEW accounts AS
SELECT
    customer_id AS account_id,
    min_by(country, (invoiced_at, invoice)) AS country,
    any_value(source_file) AS source_file,
    min(source_line) AS source_line
FROM invoices
GROUP BY customer_id;

CREATE OR REPLACE VIEW leads AS
SELECT
    customer_id AS lead_id,
    customer_id AS account_id,
    min(invoiced_at) AS created_at,
    any_value(source_file) AS source_file,
    min(source_line) AS source_line
FROM invoices
GROUP BY customer_id;

CREATE OR REPLACE VIEW touchpoints AS
SELECT
    customer_id AS lead_id,
    invoiced_at AS occurred_at,
    CASE WHEN is_cancellation THEN 'cancellation' ELSE 'order' END AS kind,
    amount AS value,
    source_file,
    source_line
FROM invoices;

CREATE OR REPLACE VIEW orders AS
SELECT
    customer_id AS account_id,
    invoiced_at AS ordered_at,
    amount,
    source_file,
    source_line
FROM invoices
WHERE NOT is_cancellation;

CREATE OR REPLACE VIEW attributes AS
SELECT * FROM (VALUES ('account', 'country', 'category', 'creation')) AS declared (entity, attribute, type, known_at);
