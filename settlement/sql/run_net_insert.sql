-- The nets of a run.
INSERT INTO settlement_net (run, party, currency, micros, minor)
SELECT
    %(run)b,
    net.party,
    net.currency,
    net.micros,
    net.minor
FROM unnest(%(parties)b::text[], %(currencies)b::text[], %(micros)b::bigint[], %(minors)b::bigint[])
    AS net (party, currency, micros, minor)
