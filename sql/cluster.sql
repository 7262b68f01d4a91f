-- What a superuser does once, in the archive's database, before `python -m archive.migrate`.
-- Safe to repeat. Passwords are given apart, by ALTER ROLE … LOGIN PASSWORD.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['mars_owner', 'mars_writer', 'mars_reader', 'mars_app', 'mars_tap'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
    END LOOP;
    EXECUTE format('ALTER DATABASE %I OWNER TO mars_owner', current_database());
    -- mars_tap runs what strangers write: not even a temporary table is for it.
    EXECUTE format('REVOKE TEMP ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMP ON DATABASE %I TO mars_owner, mars_writer', current_database());
END
$$;

COMMENT ON ROLE mars_owner IS 'owns the tables; migrations';
COMMENT ON ROLE mars_writer IS 'the consumer: inserts';
COMMENT ON ROLE mars_reader IS 'the app: reads, and nothing else';
COMMENT ON ROLE mars_app IS 'the app: writes what it keeps for itself, in schema app, and nothing else';
COMMENT ON ROLE mars_tap IS 'the app: runs queries of TAP, over the views of schema mars and over tap_schema alone';

-- A reader cannot write even by mistake, and a costly query cannot hold the server.
ALTER ROLE mars_reader SET default_transaction_read_only = on;
ALTER ROLE mars_reader SET statement_timeout = '10s';
ALTER ROLE mars_reader SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE mars_app SET statement_timeout = '5s';
ALTER ROLE mars_app SET idle_in_transaction_session_timeout = '30s';
-- Queries of strangers: bounded in time, memory and disk, and without another name than a whole one.
ALTER ROLE mars_tap CONNECTION LIMIT 20;
ALTER ROLE mars_tap SET default_transaction_read_only = on;
ALTER ROLE mars_tap SET search_path = '';
ALTER ROLE mars_tap SET statement_timeout = '30s';
ALTER ROLE mars_tap SET lock_timeout = '2s';
ALTER ROLE mars_tap SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE mars_tap SET work_mem = '32MB';
ALTER ROLE mars_tap SET temp_file_limit = '1GB';
ALTER ROLE mars_tap SET max_parallel_workers_per_gather = 0;
ALTER ROLE mars_tap SET jit = off;
-- Histories compress to two thirds of their size, faster than with pglz.
ALTER ROLE mars_writer SET default_toast_compression = 'lz4';
ALTER ROLE mars_writer SET idle_in_transaction_session_timeout = '60s';

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO mars_owner;
CREATE EXTENSION IF NOT EXISTS q3c;
