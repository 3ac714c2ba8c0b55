-- Publish windows; those that were published before stay as they are.
INSERT INTO calendar (window_id, code, opens_at, closes_at)
SELECT
    published.window_id,
    published.code,
    published.opens_at,
    published.closes_at
FROM unnest(
    %(window_id)b::integer[],
    %(code)b::text[],
    %(opens_at)b::timestamptz[],
    %(closes_at)b::timestamptz[]
) AS published (window_id, code, opens_at, closes_at)
ON CONFLICT (window_id) DO NOTHING
