-- The sealed membership number behind a token.
SELECT
    kek_id,
    wrapped,
    seal_nonce,
    box
FROM account
WHERE lane = %(lane)b AND account = %(account)b
