-- Give consent to a link, as the next in its row.
INSERT INTO consent (lane, link, number, scope, channels, partner, key_id, evidence_id, given_at)
SELECT
    %(lane)b,
    %(link)b,
    coalesce(max(number), 0) + 1 AS number,
    %(scope)b::text[],
    %(channels)b::text[],
    %(partner)b,
    %(key_id)b,
    %(evidence_id)b,
    %(given_at)b
FROM consent
WHERE lane = %(lane)b AND link = %(link)b
