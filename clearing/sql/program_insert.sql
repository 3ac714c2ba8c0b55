-- Register a program under the next free number; no row comes back when its code or that number was taken meanwhile.
INSERT INTO program (program, number, partner, name, unit_name, adapter, endpoint, capabilities, registered_at, nature)
SELECT
    %(program)b,
    coalesce(max(number), 0) + 1 AS number,
    %(partner)b,
    %(name)b,
    %(unit_name)b,
    %(adapter)b,
    %(endpoint)b,
    %(capabilities)b,
    %(registered_at)b,
    %(nature)b
FROM program
ON CONFLICT DO NOTHING
RETURNING number
