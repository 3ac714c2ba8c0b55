-- Register a partner under the next free number; no row comes back when its code or that number was taken meanwhile.
INSERT INTO partner (partner, number, name, registered_at)
SELECT
    %(partner)b,
    coalesce(max(number), 0) + 1 AS number,
    %(name)b,
    %(registered_at)b
FROM partner
ON CONFLICT DO NOTHING
RETURNING number
