-- Take in an account; no row comes back when the number came in meanwhile, or the token was used before.
INSERT INTO account (
    lane, account, program, number_index, number_mask, kek_id, wrapped, seal_nonce, box, linked_at
)
VALUES (
    %(lane)b,
    %(account)b,
    %(program)b,
    %(number_index)b,
    %(number_mask)b,
    %(kek_id)b,
    %(wrapped)b,
    %(seal_nonce)b,
    %(box)b,
    %(linked_at)b
)
ON CONFLICT DO NOTHING
RETURNING account
