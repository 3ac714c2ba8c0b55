-- Reading a window may take longer than answering a request does; for this transaction only.
SELECT
    set_config('statement_timeout', '600s', TRUE) AS patience,
    set_config('work_mem', '64MB', TRUE) AS room
