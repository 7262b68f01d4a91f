-- Searches and lists of positions that are watched, and the alerts that matched.

CREATE TABLE app.watch (
    id        text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{32}$'),
    client    text        NOT NULL,
    secret    bytea       NOT NULL CHECK (length(secret) = 32),
    filters   jsonb       NOT NULL,
    positions integer     NOT NULL CHECK (positions >= 0),
    widest    double precision,
    upto      bigint      NOT NULL CHECK (upto >= 0),
    created   timestamptz NOT NULL DEFAULT now(),
    expires   timestamptz NOT NULL,
    CONSTRAINT watch_widest CHECK ((positions > 0) = (widest IS NOT NULL))
);
COMMENT ON TABLE app.watch IS 'A search, or a list of positions, whose alerts are kept as they come';
COMMENT ON COLUMN app.watch.id IS 'drawn at random, 192 bits: who knows it may read the watch';
COMMENT ON COLUMN app.watch.client IS 'address that made it, to bound how many one client has';
COMMENT ON COLUMN app.watch.secret IS 'SHA-256 of the secret: who knows that may delete the watch';
COMMENT ON COLUMN app.watch.filters IS 'query string as [name, value] pairs';
COMMENT ON COLUMN app.watch.positions IS 'number of its positions; 0: alerts anywhere';
COMMENT ON COLUMN app.watch.widest IS 'greatest radius of its positions [deg]';
COMMENT ON COLUMN app.watch.upto IS 'lco_id up to which all alerts have been looked at: moves in the transaction of the hits';
COMMENT ON COLUMN app.watch.created IS 'when it was made';
COMMENT ON COLUMN app.watch.expires IS 'when it is swept, with all that it has; reading it puts this off';
COMMENT ON CONSTRAINT watch_widest ON app.watch IS 'positions have a greatest radius';
CREATE INDEX watch_of_client ON app.watch (client);
COMMENT ON INDEX app.watch_of_client IS 'how many a client has';
CREATE INDEX watch_upto ON app.watch (upto);
COMMENT ON INDEX app.watch_upto IS 'which are behind';
CREATE INDEX watch_expiry ON app.watch (expires);
COMMENT ON INDEX app.watch_expiry IS 'what is to be swept';

CREATE TABLE app.watch_position (
    watch  text             NOT NULL REFERENCES app.watch ON DELETE CASCADE,
    name   text             NOT NULL,
    ra     double precision NOT NULL CHECK (ra >= 0 AND ra < 360),
    dec    double precision NOT NULL CHECK (dec >= -90 AND dec <= 90),
    radius double precision NOT NULL CHECK (radius > 0 AND radius <= 1)
);
COMMENT ON TABLE app.watch_position IS 'A position of a watch';
COMMENT ON COLUMN app.watch_position.watch IS 'its watch';
COMMENT ON COLUMN app.watch_position.name IS 'the client''s name for it, by default its place in the list';
COMMENT ON COLUMN app.watch_position.ra IS 'right ascension, J2000 [deg]';
COMMENT ON COLUMN app.watch_position.dec IS 'declination, J2000 [deg]';
COMMENT ON COLUMN app.watch_position.radius IS 'an alert closer than this is a hit [deg]';
CREATE INDEX watch_position_sky ON app.watch_position (watch, q3c_ang2ipix(ra, dec));
COMMENT ON INDEX app.watch_position_sky IS 'the positions of a watch around an alert';

CREATE TABLE app.hit (
    watch  text        NOT NULL REFERENCES app.watch ON DELETE CASCADE,
    lco_id bigint      NOT NULL,
    found  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (watch, lco_id)
);
COMMENT ON TABLE app.hit IS 'An alert that matched a watch; the newest 10,000 of each are kept';
COMMENT ON COLUMN app.hit.watch IS 'the watch';
COMMENT ON COLUMN app.hit.lco_id IS 'number of the alert';
COMMENT ON COLUMN app.hit.found IS 'when it was found';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.watch, app.watch_position, app.hit TO mars_app;
