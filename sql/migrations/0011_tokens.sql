-- Operators' tokens; watches that move often, many at a time, and know how much they have found.

CREATE TABLE app.token (
    digest  bytea       PRIMARY KEY CHECK (length(digest) = 32),
    name    text        NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    made    timestamptz NOT NULL DEFAULT now(),
    revoked timestamptz,
    CONSTRAINT token_name UNIQUE (name)
);
COMMENT ON TABLE app.token IS 'A token that the operator gave to somebody, who may have larger watches';
COMMENT ON COLUMN app.token.digest IS 'SHA-256 of the token';
COMMENT ON COLUMN app.token.name IS 'who has it, in the operator''s words';
COMMENT ON COLUMN app.token.made IS 'when it was made';
COMMENT ON COLUMN app.token.revoked IS 'since when it is worth nothing; NULL: it is good';
COMMENT ON INDEX app.token_name IS 'a revoked token keeps its name, which its watches bear';
GRANT SELECT, INSERT, UPDATE ON app.token TO mars_app;

COMMENT ON COLUMN app.watch.client IS 'address that made it, or token: and a token''s name, to bound how many one client has';
COMMENT ON COLUMN app.watch.secret IS 'SHA-256 of the secret: who knows that may change or delete the watch';

ALTER TABLE app.watch ADD COLUMN found bigint NOT NULL DEFAULT 0 CHECK (found >= 0);
COMMENT ON COLUMN app.watch.found IS 'number of all hits so far, those that are no longer kept too';
UPDATE app.watch SET found = (SELECT count(*) FROM app.hit WHERE hit.watch = watch.id);

DROP INDEX app.watch_upto;
ALTER TABLE app.watch SET (fillfactor = 40);
