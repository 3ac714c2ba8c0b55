-- The bank's files that a run took.
SELECT
    fingerprint,
    content,
    version,
    answer
FROM settlement_bank_file
WHERE run = %(run)b
ORDER BY received_at, fingerprint
