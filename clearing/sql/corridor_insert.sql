-- Publish the next version of a corridor; no row comes back when that version was published meanwhile.
INSERT INTO corridor (
    source, target, version, valid_from, valid_to, ratio_num, ratio_den, step, minimum, maximum
)
VALUES (
    %(source)b,
    %(target)b,
    %(version)b,
    %(valid_from)b,
    %(valid_to)b,
    %(ratio_num)b,
    %(ratio_den)b,
    %(step)b,
    %(minimum)b,
    %(maximum)b
)
ON CONFLICT DO NOTHING
RETURNING version
