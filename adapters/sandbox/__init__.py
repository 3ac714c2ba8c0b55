"""A complete small loyalty program: the far side of `openapi/program.yaml`, with its own store, keys and faults.

    python -m adapters.sandbox --program lotus-air --unit MILE --port 0 --store DIR --house-jwks FILE-or-URL --key FILE

prints one line of JSON with its URL and its public key when it is ready. Members whose number begins `SBX-OK` are active and rich; see
`books.OPENINGS` for the others, `lots.OPENING` for how old their points are (with `--lot-months`), and `faults.TABLE` for the amounts that
make it misbehave. Test code may read the store (`DIR/<program>.db`) directly: `effect` has one row for every operation that really moved
or held points, so these two find nothing while all is well:

    SELECT exchange FROM effect WHERE operation = 'credit' GROUP BY exchange HAVING count(*) > 1
    SELECT number FROM member WHERE balance <> opening + (SELECT coalesce(sum(change), 0) FROM effect JOIN account ON
        account.token = effect.account WHERE account.number = member.number)
"""
