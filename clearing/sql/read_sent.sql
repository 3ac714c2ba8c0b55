-- What these members have sent since an instant, as limits count it: what ended without effect does not count.
SELECT
    source_account,
    reserved_at,
    greatest(sent, CASE WHEN sent = 0 THEN received ELSE 0 END) AS points,
    source_program,
    target_program
FROM exchange
WHERE
    lane = %(lane)b
    AND source_account = any(%(source_account)b::uuid[])
    AND reserved_at >= %(since)b
    AND path NOT IN ('reversal', 'clawback', 'refund')
    AND state <> 'reversed'
