-- Who sent a region may delete it, by a secret; those sent before have none.

ALTER TABLE app.region ADD COLUMN secret bytea CHECK (length(secret) = 32);
COMMENT ON COLUMN app.region.secret IS 'SHA-256 of the secret by which it is deleted; NULL: it has none, and only expires';
