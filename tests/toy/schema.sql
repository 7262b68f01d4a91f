-- The toy's table of alerts, with the indexes that every survey's has.
CREATE TABLE toy (
    id               bigint           PRIMARY KEY,
    lco_id           bigint           NOT NULL UNIQUE,
    batch            bigint           NOT NULL,
    jd               double precision NOT NULL,
    ra               double precision NOT NULL,
    dec              double precision NOT NULL,
    mag              real,
    visits           integer,
    rising           boolean,
    note             text,
    object_id        text             NOT NULL,
    filter           text,
    l                double precision,
    b                double precision,
    sentinels        bigint           NOT NULL,
    extra            jsonb,
    payload_hash     bytea            NOT NULL,
    received         timestamptz      NOT NULL DEFAULT now(),
    bundle           bigint,
    packet_offset    bigint,
    packet_length    integer,
    thumbnail_offset bigint,
    thumbnail_length integer
);
CREATE INDEX toy_sky ON toy (q3c_ang2ipix(ra, dec)) INCLUDE (ra, dec, jd, id, batch);
CREATE INDEX toy_time ON toy (jd, id);
CREATE INDEX toy_object ON toy (object_id, jd);
CREATE INDEX toy_batch ON toy USING brin (batch);
GRANT SELECT ON toy TO mars_reader, mars_writer;
GRANT INSERT ON toy TO mars_writer;
