-- What a superuser does once, at the primary, before replicas are made. Safe to repeat.
-- The password is given apart, by ALTER ROLE … PASSWORD.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mars_replication') THEN
        CREATE ROLE mars_replication LOGIN REPLICATION;
    END IF;
END
$$;

COMMENT ON ROLE mars_replication IS 'replicas: reads the log of the primary, and no table';
