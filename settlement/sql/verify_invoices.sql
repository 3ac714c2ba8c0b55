-- What does not hold of invoices: a series with a gap, a document of a run that is not final, tax that is not booked once under its number.
-- A run that is frozen and not instructed yet may have booked none of it so far.
SELECT
    series.series || ' ' || series.year AS what,
    'its last number is ' || series.last || ', and ' || count(invoice.number) || ' are there' AS fault
FROM settlement_invoice_series AS series
LEFT JOIN settlement_invoice AS invoice ON series.series = invoice.series AND series.year = invoice.year
GROUP BY series.series, series.year, series.last
HAVING count(invoice.number) <> series.last OR coalesce(max(invoice.number), 0) <> series.last
UNION ALL
SELECT
    invoice.invoice AS what,
    'its run is not final' AS fault
FROM settlement_invoice AS invoice
LEFT JOIN settlement_run AS run ON invoice.run = run.run
WHERE run.state IS NULL OR run.state NOT IN ('frozen', 'instructed', 'paying', 'settled')
UNION ALL
SELECT
    invoice.invoice AS what,
    'its tax is not booked once under its number' AS fault
FROM settlement_invoice AS invoice
LEFT JOIN settlement_run AS run ON invoice.run = run.run
CROSS JOIN LATERAL (
    SELECT
        count(*) AS bookings,
        count(*) FILTER (
            WHERE
            adjustment.lines::jsonb #>> '{0,0}' = invoice.partner
            AND (adjustment.lines::jsonb #>> '{0,1}')::bigint = invoice.tax * (10 ^ (6 - invoice.digits))::bigint
        ) AS right_ones
    FROM adjustment
    WHERE adjustment.lane = %(lane)b AND adjustment.reason = 'vat' AND adjustment.reference = invoice.invoice
) AS found
WHERE
    invoice.tax <> 0
    AND found.right_ones <> 1
    AND (found.bookings > 0 OR run.state IS DISTINCT FROM 'frozen')
ORDER BY what, fault
