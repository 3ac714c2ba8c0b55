-- What was asked for from these devices since an instant.
SELECT
    device,
    reserved_at,
    greatest(sent, CASE WHEN sent = 0 THEN received ELSE 0 END) AS points,
    source_program,
    target_program
FROM exchange
WHERE
    lane = %(lane)b
    AND device = any(%(device)b::bytea[])
    AND reserved_at >= %(since)b
    AND device IS NOT NULL
    AND path NOT IN ('reversal', 'clawback', 'refund')
    AND state <> 'reversed'
