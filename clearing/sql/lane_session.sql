-- Every statement of a lane goes by key, whatever the statistics of a table that grew a minute ago say; plans are made once.
SELECT
    set_config('enable_seqscan', 'off', false) AS seqscan,
    set_config('enable_nestloop', 'off', false) AS nestloop,
    set_config('enable_mergejoin', 'off', false) AS mergejoin,
    set_config('plan_cache_mode', 'force_generic_plan', false) AS plans,
    set_config('jit', 'off', false) AS jit
