-- Regions of the sky, with which alerts are searched: their table, and the pixel that tells whether a position
-- lies in one.

-- Górski et al. 2005, ApJ 622, 759, section 5, with the projection of Calabretta and Roukema 2007, MNRAS 381, 865:
-- x and y are places in it, in units of an eighth of a turn. Roundings are those of cdshealpix, so that a position
-- on the side of two cells belongs to the same one here, in the catalog and in clients' own tests.
CREATE FUNCTION healpix_29(ra_deg double precision, dec_deg double precision) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    -- PostgreSQL raises where a product is too small for a double: so near to 0 it is 0.
    eighth double precision := CASE WHEN ra_deg < 1e-100 THEN 0 ELSE radians(ra_deg) * 1.2732395447351628 END;
    latitude double precision := CASE WHEN abs(dec_deg) < 1e-100 THEN 0 ELSE radians(dec_deg) END;
    octant integer := floor(eighth)::integer | 1;
    x double precision := eighth - octant;
    quarter integer := (octant & 7) >> 1;
    width double precision;
    y double precision;
    face bigint;
    number bigint;
BEGIN
    IF abs(latitude) > 0.7297276562269663 THEN
        width := 2.449489742783178 * cos(0.5 * abs(latitude) + 0.7853981633974483);
        x := x * width;
        IF latitude > 0 THEN
            face := quarter;
            y := 2 - width;
        ELSE
            face := quarter + 8;
            y := width;
        END IF;
    ELSE
        y := 1.5 * sin(latitude);
        IF x > y AND x >= -y THEN
            face := 4 + ((quarter + 1) & 3);
            x := x - 1;
            y := y + 1;
        ELSIF x <= y AND x < -y THEN
            face := 4 + quarter;
            x := x + 1;
            y := y + 1;
        ELSIF x <= y THEN
            face := quarter;
        ELSE
            face := 8 + quarter;
            y := y + 2;
        END IF;
    END IF;
    number := least(floor((y + x) * 268435456)::bigint, 536870911)
        | (least(floor((y - x) * 268435456)::bigint, 536870911) << 32);
    number := (number & x'FFFF00000000FFFF'::bigint)
        | ((number >> 16) & x'00000000FFFF0000'::bigint) | ((number & x'00000000FFFF0000'::bigint) << 16);
    number := (number & x'FF0000FFFF0000FF'::bigint)
        | ((number >> 8) & x'0000FF000000FF00'::bigint) | ((number & x'0000FF000000FF00'::bigint) << 8);
    number := (number & x'F00FF00FF00FF00F'::bigint)
        | ((number >> 4) & x'00F000F000F000F0'::bigint) | ((number & x'00F000F000F000F0'::bigint) << 4);
    number := (number & x'C3C3C3C3C3C3C3C3'::bigint)
        | ((number >> 2) & x'0C0C0C0C0C0C0C0C'::bigint) | ((number & x'0C0C0C0C0C0C0C0C'::bigint) << 2);
    number := (number & x'9999999999999999'::bigint)
        | ((number >> 1) & x'2222222222222222'::bigint) | ((number & x'2222222222222222'::bigint) << 1);
    RETURN (face << 58) | number;
END
$$;
COMMENT ON FUNCTION healpix_29 IS
    'The nested HEALPix pixel of order 29 of a position [deg], 0 <= ra < 360: in which cells of a MOC it lies';

CREATE TABLE app.region (
    id             text             PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{32}$'),
    client         text             NOT NULL,
    cells          int8multirange   NOT NULL CHECK (NOT isempty(cells)),
    covering       int8multirange,
    max_order      smallint         NOT NULL CHECK (max_order BETWEEN 0 AND 29),
    area           double precision NOT NULL CHECK (area > 0),
    credible_level double precision CHECK (credible_level > 0 AND credible_level <= 1),
    created        timestamptz      NOT NULL DEFAULT now(),
    expires        timestamptz      NOT NULL
);
COMMENT ON TABLE app.region IS 'A region of the sky that a client sent, for searches: the cells of a MOC';
COMMENT ON COLUMN app.region.id IS 'drawn at random, 192 bits: who knows it may search with the region';
COMMENT ON COLUMN app.region.client IS 'address that sent it, to bound how many one client has';
COMMENT ON COLUMN app.region.cells IS 'its pixels of order 29, as healpix_29 numbers them';
COMMENT ON COLUMN app.region.covering IS 'pixels of q3c that hold all of it, by which the index alert_sky is read; NULL: too much of the sky for that';
COMMENT ON COLUMN app.region.max_order IS 'order of its smallest cell, as it was sent';
COMMENT ON COLUMN app.region.area IS 'its size [deg2]';
COMMENT ON COLUMN app.region.credible_level IS 'probability that it holds, of a skymap; NULL: it was sent as a MOC';
COMMENT ON COLUMN app.region.created IS 'when it was sent';
COMMENT ON COLUMN app.region.expires IS 'when it is swept; each use puts that off';
CREATE INDEX region_of_client ON app.region (client);
COMMENT ON INDEX app.region_of_client IS 'how many a client has';
CREATE INDEX region_expiry ON app.region (expires);
COMMENT ON INDEX app.region_expiry IS 'what is to be swept';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.region TO mars_app;
