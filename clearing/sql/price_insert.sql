-- Publish the next version of a program's price; no row comes back when that version was published meanwhile.
INSERT INTO price (program, version, valid_from, issue_num, issue_den, redeem_num, redeem_den)
VALUES (
    %(program)b,
    %(version)b,
    %(valid_from)b,
    %(issue_num)b,
    %(issue_den)b,
    %(redeem_num)b,
    %(redeem_den)b
)
ON CONFLICT DO NOTHING
RETURNING version
