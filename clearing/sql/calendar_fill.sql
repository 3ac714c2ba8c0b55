-- Publish windows; those that were published before stay as they are.
INSERT INTO calendar (window_id, version, code, opens_at, closes_at, scheme_version, advice_date, value_date)
SELECT
    published.window_id,
    %(version)b,
    published.code,
    published.opens_at,
    published.closes_at,
    published.scheme_version,
    published.advice_date,
    published.value_date
FROM unnest(
    %(window_id)b::integer[],
    %(code)b::text[],
    %(opens_at)b::timestamptz[],
    %(closes_at)b::timestamptz[],
    %(scheme_version)b::integer[],
    %(advice_date)b::date[],
    %(value_date)b::date[]
) AS published (window_id, code, opens_at, closes_at, scheme_version, advice_date, value_date)
ON CONFLICT (window_id) DO NOTHING
