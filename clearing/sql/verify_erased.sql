-- How many accounts were closed or erased, and those that still have a live link, or erased a body that still opens.
SELECT
    count(*) AS looked_at,
    array_agg(account) FILTER (
        WHERE EXISTS (
            SELECT 1 FROM link
            WHERE
                link.lane = %(lane)b
                AND link.ended_at IS NULL
                AND (link.source_account = account.account OR link.target_account = account.account)
        ) OR (
            erased_at IS NOT NULL AND EXISTS (
                SELECT 1
                FROM account_evidence
                INNER JOIN evidence
                    ON account_evidence.lane = evidence.lane AND account_evidence.evidence_id = evidence.evidence_id
                WHERE
                    account_evidence.lane = %(lane)b
                    AND account_evidence.account = account.account
                    AND evidence.wrapped IS NOT NULL
            )
        )
    ) AS found
FROM account
WHERE lane = %(lane)b AND closed_at IS NOT NULL
