-- A user who may only read, for dashboards and analysts. Run once as an administrator:
--   clickhouse-client --param_password=... --queries-file reader.sql
-- The profile leaves readers free to change settings such as max_execution_time (readonly = 2).
-- The embedded store has a user `reader` of its own and needs none of this.

CREATE SETTINGS PROFILE IF NOT EXISTS uptake_reading SETTINGS
    readonly = 2,
    max_execution_time = 60 MIN 0 MAX 300,
    max_memory_usage = 4000000000,
    max_result_rows = 10000000,
    result_overflow_mode = 'throw';

CREATE ROLE IF NOT EXISTS uptake_reader SETTINGS PROFILE 'uptake_reading';

GRANT SELECT ON uptake.* TO uptake_reader;

-- Original bytes of refused records may hold personal data: the view dead_letters has all else.
REVOKE SELECT(key, value, headers) ON uptake.dead_letters_log FROM uptake_reader;

-- A view reads with the rights of whoever asks; this one tells how long the bytes are.
ALTER TABLE uptake.dead_letters MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;

CREATE USER IF NOT EXISTS uptake_reader_user
    IDENTIFIED WITH sha256_password BY {password:String}
    DEFAULT DATABASE uptake
    DEFAULT ROLE uptake_reader;

GRANT uptake_reader TO uptake_reader_user;
