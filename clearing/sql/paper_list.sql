-- The papers of a kind by their first day, or the one of this name.
SELECT
    name,
    valid_from,
    valid_until,
    published_at,
    digest,
    document,
    proposed_by,
    confirmed_by
FROM paper
WHERE kind = %(kind)b AND (%(name)b::text IS NULL OR name = %(name)b)
ORDER BY valid_from, name
