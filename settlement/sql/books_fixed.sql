-- The nets of runs that were instructed by an instant, the oldest first: in which currency each partner is paid, the windows that the run
-- settles, and the end of the last.
SELECT
    net.run,
    net.party,
    net.currency,
    net.micros,
    net.minor,
    array_agg(calendar.window_id) AS windows,
    max(calendar.window_id) AS of_window,
    max(calendar.closes_at) AS closes_at
FROM settlement_net AS net
INNER JOIN settlement_run AS run ON net.run = run.run
INNER JOIN settlement_run_window AS part ON run.run = part.run AND part.live
INNER JOIN calendar ON part.window_id = calendar.window_id
WHERE
    run.state IN ('instructed', 'paying', 'settled')
    AND net.party <> 'house'
    AND net.micros <> 0
    AND EXISTS (
        SELECT 1
        FROM settlement_run_event AS event
        WHERE event.run = run.run AND event.step = 'instructed' AND event.at <= %(as_of)b::timestamptz
    )
GROUP BY net.run, net.party, net.currency, net.micros, net.minor
ORDER BY of_window, net.run, net.party, net.currency
