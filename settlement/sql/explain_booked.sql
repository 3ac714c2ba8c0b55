-- Adjustments and payments by their names, or by what they refer to: a payment, an invoice, a run, also where more stands behind a stroke.
SELECT
    adjustment_id,
    kind,
    reason,
    reference,
    seq
FROM adjustment
WHERE
    lane = %(lane)b
    AND (
        adjustment_id = any(%(names)b::uuid[])
        OR kind <> 'lodged' AND split_part(reference, '/', 1) = any(%(papers)b::text[])
    )
ORDER BY seq
