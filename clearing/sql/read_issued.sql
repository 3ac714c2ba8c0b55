-- What was issued to these members since an instant, by partners that sent no points.
SELECT
    target_account,
    reserved_at,
    greatest(sent, CASE WHEN sent = 0 THEN received ELSE 0 END) AS points,
    source_program,
    target_program
FROM exchange
WHERE
    lane = %(lane)b
    AND target_account = any(%(target_account)b::uuid[])
    AND reserved_at >= %(since)b
    AND sent = 0
    AND path NOT IN ('reversal', 'clawback', 'refund')
    AND state <> 'reversed'
