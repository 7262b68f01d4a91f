-- ---------------------------------------------------------------------------------------------
-- What the app keeps for itself: mars_app writes here and nowhere else, and reads nothing else
-- ---------------------------------------------------------------------------------------------

CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'What the app keeps for itself; all of it may be lost without loss to the archive';
GRANT USAGE ON SCHEMA app TO mars_app;

CREATE TABLE app.name (
    name      text        PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 200),
    canonical text,
    ra        double precision CHECK (ra >= 0 AND ra < 360),
    dec       double precision CHECK (dec BETWEEN -90 AND 90),
    source    text        NOT NULL,
    resolved  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT name_whole CHECK (num_nulls(canonical, ra, dec) IN (0, 3))
);
COMMENT ON TABLE app.name IS 'What remote resolvers said of a name: a position, or that they do not know it';
COMMENT ON COLUMN app.name.name IS 'the name as asked for, blanks collapsed; case counts, as it does in star names';
COMMENT ON COLUMN app.name.canonical IS 'the resolver''s own name of the object; NULL: unknown to it';
COMMENT ON COLUMN app.name.ra IS 'right ascension, ICRS [deg]; NULL: unknown to it';
COMMENT ON COLUMN app.name.dec IS 'declination, ICRS [deg]; NULL: unknown to it';
COMMENT ON COLUMN app.name.source IS 'who said so';
COMMENT ON COLUMN app.name.resolved IS 'when it said so';
COMMENT ON CONSTRAINT name_whole ON app.name IS 'a hit has all three, a miss none';
CREATE INDEX name_missed ON app.name (resolved) WHERE ra IS NULL;
COMMENT ON INDEX app.name_missed IS 'misses to be forgotten';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.name TO mars_app;
