-- The Virtual Observatory: what TAP shows, as views of mars_owner that mars_tap alone may read, the lists of
-- them that TAP has to have, and the two more states that a job of TAP can be in.

CREATE SCHEMA mars;
COMMENT ON SCHEMA mars IS 'What TAP shows of the archive: views, and the functions by which their indexes are used';
CREATE SCHEMA tap_schema;
COMMENT ON SCHEMA tap_schema IS 'TAP 1.1, section 4: the tables that TAP shows; archive columns and these lists are held equal by a test';

CREATE VIEW mars.alert AS
SELECT
    candid, object_id, jd, jd - 2400000.5 AS mjd, filter, ra, dec, l, b, isdiffpos, magpsf,
    sigmapsf, fid, pid, diffmaglim, pdiffimfilename, programpi, programid, tblid, nid, rcid, field,
    xpos, ypos, chipsf, magap, sigmagap, distnr, magnr, sigmagnr, chinr, sharpnr, sky, magdiff,
    fwhm, classtar, mindtoedge, magfromlim, seeratio, aimage, bimage, aimagerat, bimagerat, elong,
    nneg, nbad, rb, ssdistnr, ssmagnr, ssnamenr, sumrat, magapbig, sigmagapbig, ranr, decnr, sgmag1,
    srmag1, simag1, szmag1, sgscore1, distpsnr1, ndethist, ncovhist, jdstarthist, jdendhist, scorr,
    tooflag, objectidps1, objectidps2, sgmag2, srmag2, simag2, szmag2, sgscore2, distpsnr2,
    objectidps3, sgmag3, srmag3, simag3, szmag3, sgscore3, distpsnr3, nmtchps, rfid, jdstartref,
    jdendref, nframesref, rbversion, dsnrms, ssnrms, dsdiff, magzpsci, magzpsciunc, magzpscirms,
    nmatches, clrcoeff, clrcounc, zpclrcov, zpmed, clrmed, clrrms, neargaia, neargaiabright,
    maggaia, maggaiabright, exptime, drb, drbversion, deltamaglatest, deltamagref, schemavsn,
    publisher, batch, lco_id
FROM public.alert;
COMMENT ON VIEW mars.alert IS 'Every public column of an alert';

-- Functions in LANGUAGE sql, STABLE, without SET: PostgreSQL puts only such into the place where they stand,
-- so a join with one is an index scan for each row of the other side. What they give is a superset
-- of the circle; the exact test stays where the query has it. OFFSET 0 keeps each scan one of a range.
CREATE FUNCTION mars.cone(double precision, double precision, double precision) RETURNS SETOF mars.alert
    LANGUAGE sql STABLE
    AS $$
SELECT near.*
FROM (
    SELECT unnest(range_agg(int8range(low, high))) AS pixels
    FROM (
        SELECT
            public.q3c_radial_query_it($1, $2, $3, bound.i, flag.whole) AS low,
            public.q3c_radial_query_it($1, $2, $3, bound.i + 1, flag.whole) AS high
        FROM generate_series(98, 0, -2) AS bound (i)
        CROSS JOIN generate_series(0, 1) AS flag (whole)
        OFFSET 0
    ) AS ranges
    WHERE low < high
) AS covering
CROSS JOIN LATERAL (
    SELECT * FROM mars.alert AS a
    WHERE public.q3c_ang2ipix(a.ra, a.dec) >= lower(covering.pixels)
        AND public.q3c_ang2ipix(a.ra, a.dec) < upper(covering.pixels)
    OFFSET 0
) AS near
$$;
COMMENT ON FUNCTION mars.cone IS 'The alerts in the pixels that cover a circle (ra, dec, radius) [deg]: up to 100 ranges, for one large circle';

CREATE FUNCTION mars.polygon(double precision[]) RETURNS SETOF mars.alert
    LANGUAGE sql STABLE
    AS $$
SELECT near.*
FROM (
    SELECT unnest(range_agg(int8range(low, high))) AS pixels
    FROM (
        SELECT
            public.q3c_poly_query_it($1, bound.i, flag.whole) AS low,
            public.q3c_poly_query_it($1, bound.i + 1, flag.whole) AS high
        FROM generate_series(98, 0, -2) AS bound (i)
        CROSS JOIN generate_series(0, 1) AS flag (whole)
        OFFSET 0
    ) AS ranges
    WHERE low < high
) AS covering
CROSS JOIN LATERAL (
    SELECT * FROM mars.alert AS a
    WHERE public.q3c_ang2ipix(a.ra, a.dec) >= lower(covering.pixels)
        AND public.q3c_ang2ipix(a.ra, a.dec) < upper(covering.pixels)
    OFFSET 0
) AS near
$$;
COMMENT ON FUNCTION mars.polygon IS 'The same for a polygon (ra, dec, ra, dec, …) [deg] of at most 20 degrees; bounds are asked for downwards, or q3c 2.0 begins with memory that nobody has set';

CREATE FUNCTION mars.near(double precision, double precision, double precision) RETURNS SETOF mars.alert
    LANGUAGE sql STABLE
    AS $$
SELECT near.*
FROM (
    SELECT unnest(range_agg(int8range(low, high, '[]'))) AS pixels
    FROM (
        SELECT
            public.q3c_nearby_it($1, $2, $3, bound.i) AS low,
            public.q3c_nearby_it($1, $2, $3, bound.i + 1) AS high
        FROM (VALUES (0), (2), (4), (6)) AS bound (i)
        OFFSET 0
    ) AS ranges
    WHERE low <= high
) AS covering
CROSS JOIN LATERAL (
    SELECT * FROM mars.alert AS a
    WHERE public.q3c_ang2ipix(a.ra, a.dec) >= lower(covering.pixels)
        AND public.q3c_ang2ipix(a.ra, a.dec) < upper(covering.pixels)
    OFFSET 0
) AS near
$$;
COMMENT ON FUNCTION mars.near IS 'The same by 4 ranges, for small circles around many positions';

-- What is known of objects is computed for each one from its alerts, by the index alert_object.
CREATE VIEW mars.object AS
SELECT
    name.object_id, own.alerts, own.alerts_g, own.alerts_r, own.alerts_i,
    own.first_jd, own.last_jd, own.brightest_magpsf,
    CASE WHEN own.y < 0 AND degrees(atan2(own.y, own.x)) + 360 < 360 THEN degrees(atan2(own.y, own.x)) + 360
        ELSE greatest(degrees(atan2(own.y, own.x)), 0) END AS ra,
    degrees(atan2(own.z, sqrt(own.x * own.x + own.y * own.y))) AS dec
FROM (SELECT DISTINCT object_id FROM public.alert) AS name
CROSS JOIN LATERAL (
    SELECT
        count(*)::integer AS alerts,
        (count(*) FILTER (WHERE fid = 1))::integer AS alerts_g,
        (count(*) FILTER (WHERE fid = 2))::integer AS alerts_r,
        (count(*) FILTER (WHERE fid = 3))::integer AS alerts_i,
        min(jd) AS first_jd,
        max(jd) AS last_jd,
        min(magpsf) FILTER (WHERE isdiffpos) AS brightest_magpsf,
        sum(cosd(own_dec) * cosd(own_ra) ORDER BY candid) AS x,
        sum(cosd(own_dec) * sind(own_ra) ORDER BY candid) AS y,
        sum(sind(own_dec) ORDER BY candid) AS z
    FROM public.alert
    -- A product too small for a double is an error: so near to 0 it is 0.
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN abs(ra) < 1e-100 THEN 0 ELSE ra END AS own_ra,
            CASE WHEN abs(dec) < 1e-100 THEN 0 ELSE dec END AS own_dec
    ) AS place
    WHERE alert.object_id = name.object_id
) AS own;
COMMENT ON VIEW mars.object IS 'Objects: sums over their alerts';

CREATE VIEW mars.detection AS
SELECT
    name.object_id, own.candid, own.jd, own.jd - 2400000.5 AS mjd, own.pid,
    CASE own.fid WHEN 1 THEN 'g' WHEN 2 THEN 'r' WHEN 3 THEN 'i' END AS filter,
    own.magpsf, own.sigmapsf, own.isdiffpos, own.magnr, own.sigmagnr, own.distnr, own.rb, own.is_alert
FROM (SELECT DISTINCT object_id FROM public.alert) AS name
CROSS JOIN LATERAL (
    SELECT candid, jd, pid, fid, magpsf, sigmapsf, isdiffpos, magnr, sigmagnr, distnr, rb, true AS is_alert
    FROM public.alert
    WHERE alert.object_id = name.object_id AND jd BETWEEN 2400000.5 AND 2500000
    UNION ALL
    SELECT candid, jd, pid, fid, magpsf, sigmapsf, isdiffpos, magnr, sigmagnr, distnr, rb, false
    FROM (
        SELECT DISTINCT ON (entry.candid) entry.*
        FROM public.alert AS carrier
        JOIN public.history USING (candid)
        CROSS JOIN LATERAL unnest(
            detection_candid, detection_jd, detection_pid, detection_fid, detection_magpsf, detection_sigmapsf,
            detection_isdiffpos, detection_magnr, detection_sigmagnr, detection_distnr, detection_rb
        ) WITH ORDINALITY AS entry (
            candid, jd, pid, fid, magpsf, sigmapsf, isdiffpos, magnr, sigmagnr, distnr, rb, place
        )
        WHERE carrier.object_id = name.object_id AND entry.candid IS NOT NULL
        ORDER BY entry.candid, carrier.candid DESC, entry.place DESC
    ) AS earlier
    WHERE jd BETWEEN 2400000.5 AND 2500000 AND NOT EXISTS (
        SELECT FROM public.alert AS same
        WHERE same.object_id = name.object_id AND same.candid = earlier.candid
    )
) AS own;
COMMENT ON VIEW mars.detection IS 'Detections of an object: its alerts, and those that only their histories know';

CREATE VIEW mars.upper_limit AS
SELECT
    name.object_id, own.jd, own.jd - 2400000.5 AS mjd, own.pid,
    CASE own.fid WHEN 1 THEN 'g' WHEN 2 THEN 'r' WHEN 3 THEN 'i' END AS filter,
    own.diffmaglim
FROM (SELECT DISTINCT object_id FROM public.alert) AS name
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(pid) FILTER (WHERE pid IS NOT NULL), '{}') AS pids
    FROM mars.detection
    WHERE detection.object_id = name.object_id
) AS seen
CROSS JOIN LATERAL (
    SELECT jd, pid, fid, diffmaglim
    FROM (
        SELECT DISTINCT ON (
            entry.pid, CASE WHEN entry.pid IS NULL THEN entry.jd END, CASE WHEN entry.pid IS NULL THEN entry.fid END
        ) entry.*
        FROM public.alert AS carrier
        JOIN public.history USING (candid)
        CROSS JOIN LATERAL unnest(limit_jd, limit_pid, limit_fid, limit_diffmaglim) WITH ORDINALITY AS entry (
            jd, pid, fid, diffmaglim, place
        )
        WHERE carrier.object_id = name.object_id
        ORDER BY
            entry.pid, CASE WHEN entry.pid IS NULL THEN entry.jd END, CASE WHEN entry.pid IS NULL THEN entry.fid END,
            carrier.candid DESC, entry.place DESC
    ) AS latest
    WHERE jd BETWEEN 2400000.5 AND 2500000 AND diffmaglim > 0 AND diffmaglim < 'Infinity'
        AND (latest.pid IS NULL OR latest.pid <> ALL (seen.pids))
) AS own;
COMMENT ON VIEW mars.upper_limit IS 'Exposures in which an object was not detected, as its alerts'' histories tell them';

CREATE VIEW mars.forced AS
SELECT
    name.object_id, own.jd, own.jd - 2400000.5 AS mjd, own.pid,
    CASE own.fid WHEN 1 THEN 'g' WHEN 2 THEN 'r' WHEN 3 THEN 'i' END AS filter,
    own.forcediffimflux, own.forcediffimfluxunc, own.magzpsci, own.procstatus, own.exptime, own.diffmaglim,
    own.magnr, own.sigmagnr, own.distnr, own.from_candid
FROM (SELECT DISTINCT object_id FROM public.alert) AS name
CROSS JOIN LATERAL (
    SELECT *
    FROM (
        SELECT DISTINCT ON (
            entry.pid, CASE WHEN entry.pid IS NULL THEN entry.jd END, CASE WHEN entry.pid IS NULL THEN entry.fid END
        ) entry.*, carrier.candid AS from_candid
        FROM public.alert AS carrier
        JOIN public.history USING (candid)
        CROSS JOIN LATERAL unnest(
            forced_jd, forced_pid, forced_fid, forced_forcediffimflux, forced_forcediffimfluxunc, forced_magzpsci,
            forced_procstatus, forced_exptime, forced_diffmaglim, forced_magnr, forced_sigmagnr, forced_distnr
        ) WITH ORDINALITY AS entry (
            jd, pid, fid, forcediffimflux, forcediffimfluxunc, magzpsci, procstatus, exptime, diffmaglim, magnr,
            sigmagnr, distnr, place
        )
        WHERE carrier.object_id = name.object_id
        ORDER BY
            entry.pid, CASE WHEN entry.pid IS NULL THEN entry.jd END, CASE WHEN entry.pid IS NULL THEN entry.fid END,
            carrier.candid DESC, entry.place DESC
    ) AS latest
    WHERE jd BETWEEN 2400000.5 AND 2500000
) AS own;
COMMENT ON VIEW mars.forced IS 'Forced photometry at an object''s place: of each exposure what its newest alert carries';

CREATE TABLE tap_schema.schemas (
    schema_name  text PRIMARY KEY,
    utype        text,
    description  text,
    schema_index integer
);
COMMENT ON TABLE tap_schema.schemas IS 'Schemas that TAP shows';

CREATE TABLE tap_schema.tables (
    schema_name text NOT NULL REFERENCES tap_schema.schemas,
    table_name  text PRIMARY KEY,
    table_type  text NOT NULL,
    utype       text,
    description text,
    table_index integer
);
COMMENT ON TABLE tap_schema.tables IS 'Tables that TAP shows';

CREATE TABLE tap_schema.columns (
    table_name   text    NOT NULL REFERENCES tap_schema.tables,
    column_name  text    NOT NULL,
    datatype     text    NOT NULL,
    arraysize    text,
    xtype        text,
    "size"       integer,
    description  text,
    utype        text,
    unit         text,
    ucd          text,
    indexed      integer NOT NULL,
    principal    integer NOT NULL,
    std          integer NOT NULL,
    column_index integer,
    PRIMARY KEY (table_name, column_name)
);
COMMENT ON TABLE tap_schema.columns IS 'Their columns';

CREATE TABLE tap_schema.keys (
    key_id       text PRIMARY KEY,
    from_table   text NOT NULL REFERENCES tap_schema.tables,
    target_table text NOT NULL REFERENCES tap_schema.tables,
    utype        text,
    description  text
);
COMMENT ON TABLE tap_schema.keys IS 'Which tables belong together';

CREATE TABLE tap_schema.key_columns (
    key_id        text NOT NULL REFERENCES tap_schema.keys,
    from_column   text NOT NULL,
    target_column text NOT NULL,
    PRIMARY KEY (key_id, from_column)
);
COMMENT ON TABLE tap_schema.key_columns IS 'By which columns';

GRANT USAGE ON SCHEMA mars, tap_schema TO mars_tap;
GRANT SELECT ON ALL TABLES IN SCHEMA mars, tap_schema TO mars_tap;

INSERT INTO tap_schema.schemas (schema_name, utype, description, schema_index) VALUES
    ('mars', NULL, 'Alerts of the Zwicky Transient Facility, and what they tell of objects', 0),
    ('tap_schema', NULL, 'The tables of this service', 1);
INSERT INTO tap_schema.tables (schema_name, table_name, table_type, utype, description, table_index) VALUES
    ('mars', 'mars.alert', 'view', NULL, 'One public alert: every column of its packet''s candidate, and what is computed from it', 0),
    ('mars', 'mars.object', 'view', NULL, 'An object: sums over its alerts, computed as it is read; ask by object_id', 1),
    ('mars', 'mars.detection', 'view', NULL, 'Detections of an object: its alerts, and those that only histories know; ask by object_id', 2),
    ('mars', 'mars.upper_limit', 'view', NULL, 'Exposures that did not detect an object, from histories; ask by object_id', 3),
    ('mars', 'mars.forced', 'view', NULL, 'Forced photometry at an object''s place, as its newest alert has it; ask by object_id', 4),
    ('tap_schema', 'tap_schema.schemas', 'table', NULL, 'Schemas that TAP shows', 5),
    ('tap_schema', 'tap_schema.tables', 'table', NULL, 'Tables that TAP shows', 6),
    ('tap_schema', 'tap_schema.columns', 'table', NULL, 'Their columns', 7),
    ('tap_schema', 'tap_schema.keys', 'table', NULL, 'Which tables belong together', 8),
    ('tap_schema', 'tap_schema.key_columns', 'table', NULL, 'By which columns', 9);
INSERT INTO tap_schema.columns (table_name, column_name, datatype, arraysize, unit, ucd, indexed, principal, std, column_index, description) VALUES
    ('mars.alert', 'candid', 'long', NULL, NULL, 'meta.id;meta.main', 1, 1, 0, 0, 'candidate id, unique to the alert'),
    ('mars.alert', 'object_id', 'char', '*', NULL, 'meta.id;src', 1, 1, 0, 1, 'ZTF''s name of the object (objectId)'),
    ('mars.alert', 'jd', 'double', NULL, 'd', 'time.start;obs.exposure', 1, 1, 0, 2, 'start of exposure, Julian date, UTC'),
    ('mars.alert', 'mjd', 'double', NULL, 'd', 'time.start;obs.exposure', 0, 0, 0, 3, 'start of exposure, modified Julian date, UTC'),
    ('mars.alert', 'filter', 'char', '*', NULL, 'meta.id;instr.filter', 0, 1, 0, 4, 'band of the exposure: g, r or i'),
    ('mars.alert', 'ra', 'double', NULL, 'deg', 'pos.eq.ra;meta.main', 1, 1, 0, 5, 'right ascension, J2000'),
    ('mars.alert', 'dec', 'double', NULL, 'deg', 'pos.eq.dec;meta.main', 1, 1, 0, 6, 'declination, J2000'),
    ('mars.alert', 'l', 'double', NULL, 'deg', 'pos.galactic.lon', 0, 0, 0, 7, 'galactic longitude'),
    ('mars.alert', 'b', 'double', NULL, 'deg', 'pos.galactic.lat', 0, 0, 0, 8, 'galactic latitude'),
    ('mars.alert', 'isdiffpos', 'boolean', NULL, NULL, 'meta.code;phot.flux', 0, 1, 0, 9, 'true: brighter than the reference; false: fainter'),
    ('mars.alert', 'magpsf', 'float', NULL, 'mag', 'phot.mag', 0, 1, 0, 10, 'magnitude of the difference, PSF fit'),
    ('mars.alert', 'sigmapsf', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 1, 0, 11, '1-sigma error of magpsf'),
    ('mars.alert', 'fid', 'int', NULL, NULL, 'meta.id;instr.filter', 0, 0, 0, 12, 'filter: 1 g, 2 r, 3 i'),
    ('mars.alert', 'pid', 'long', NULL, NULL, 'meta.id;obs.image', 0, 0, 0, 13, 'processing id of the science image'),
    ('mars.alert', 'diffmaglim', 'float', NULL, 'mag', 'phot.mag;stat.max', 0, 0, 0, 14, 'expected 5-sigma limit of the difference image'),
    ('mars.alert', 'pdiffimfilename', 'char', '*', NULL, 'meta.id;meta.file', 0, 0, 0, 15, 'file of the positive difference image'),
    ('mars.alert', 'programpi', 'unicodeChar', '*', NULL, 'meta.note', 0, 0, 0, 16, 'principal investigator of the programme'),
    ('mars.alert', 'programid', 'int', NULL, NULL, 'meta.id;obs.proposal', 0, 0, 0, 17, 'programme: 1 public; nothing else is stored'),
    ('mars.alert', 'tblid', 'long', NULL, NULL, 'meta.id', 0, 0, 0, 18, 'row in the pipeline''s extraction table'),
    ('mars.alert', 'nid', 'int', NULL, NULL, 'meta.id;time.epoch', 0, 0, 0, 19, 'night id'),
    ('mars.alert', 'rcid', 'int', NULL, NULL, 'meta.id;instr.det', 0, 0, 0, 20, 'readout channel, 0 to 63'),
    ('mars.alert', 'field', 'int', NULL, NULL, 'meta.id;obs.field', 0, 0, 0, 21, 'field of ZTF''s grid'),
    ('mars.alert', 'xpos', 'float', NULL, 'pix', 'pos.cartesian.x;instr.det', 0, 0, 0, 22, 'x in the image'),
    ('mars.alert', 'ypos', 'float', NULL, 'pix', 'pos.cartesian.y;instr.det', 0, 0, 0, 23, 'y in the image'),
    ('mars.alert', 'chipsf', 'float', NULL, NULL, 'stat.fit.chi2', 0, 0, 0, 24, 'reduced chi-square of the PSF fit'),
    ('mars.alert', 'magap', 'float', NULL, 'mag', 'phot.mag', 0, 0, 0, 25, 'magnitude of the difference, aperture of 14 pixels'),
    ('mars.alert', 'sigmagap', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 0, 0, 26, '1-sigma error of magap'),
    ('mars.alert', 'distnr', 'float', NULL, 'pix', 'pos.angDistance', 0, 0, 0, 27, 'distance to the nearest source of the reference image'),
    ('mars.alert', 'magnr', 'float', NULL, 'mag', 'phot.mag', 0, 0, 0, 28, 'magnitude of that source'),
    ('mars.alert', 'sigmagnr', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 0, 0, 29, '1-sigma error of magnr'),
    ('mars.alert', 'chinr', 'float', NULL, NULL, 'stat.fit.chi2', 0, 0, 0, 30, 'DAOPHOT chi of that source'),
    ('mars.alert', 'sharpnr', 'float', NULL, NULL, 'stat.fit.param', 0, 0, 0, 31, 'DAOPHOT sharpness of that source'),
    ('mars.alert', 'sky', 'float', NULL, 'adu', 'instr.skyLevel', 0, 0, 0, 32, 'local background'),
    ('mars.alert', 'magdiff', 'float', NULL, 'mag', 'phot.mag;arith.diff', 0, 0, 0, 33, 'magap - magpsf'),
    ('mars.alert', 'fwhm', 'float', NULL, 'pix', 'phys.angSize;instr', 0, 0, 0, 34, 'full width at half maximum, Gaussian core'),
    ('mars.alert', 'classtar', 'float', NULL, NULL, 'src.class.starGalaxy', 0, 0, 0, 35, 'star (1) or galaxy (0), SExtractor'),
    ('mars.alert', 'mindtoedge', 'float', NULL, 'pix', 'pos.distance;instr.det', 0, 0, 0, 36, 'distance to the nearest edge of the image'),
    ('mars.alert', 'magfromlim', 'float', NULL, 'mag', 'phot.mag;arith.diff', 0, 0, 0, 37, 'diffmaglim - magap'),
    ('mars.alert', 'seeratio', 'float', NULL, NULL, 'instr.obsty.seeing;arith.ratio', 0, 0, 0, 38, 'FWHM of the difference image over fwhm'),
    ('mars.alert', 'aimage', 'float', NULL, 'pix', 'phys.angSize.smajAxis', 0, 0, 0, 39, 'RMS along the major axis, SExtractor'),
    ('mars.alert', 'bimage', 'float', NULL, 'pix', 'phys.angSize.sminAxis', 0, 0, 0, 40, 'RMS along the minor axis, SExtractor'),
    ('mars.alert', 'aimagerat', 'float', NULL, NULL, 'phys.angSize.smajAxis;arith.ratio', 0, 0, 0, 41, 'aimage / fwhm'),
    ('mars.alert', 'bimagerat', 'float', NULL, NULL, 'phys.angSize.sminAxis;arith.ratio', 0, 0, 0, 42, 'bimage / fwhm'),
    ('mars.alert', 'elong', 'float', NULL, NULL, 'src.morph.param', 0, 0, 0, 43, 'elongation, aimage / bimage'),
    ('mars.alert', 'nneg', 'int', NULL, NULL, 'meta.number', 0, 0, 0, 44, 'negative pixels in the 5 x 5 around the source'),
    ('mars.alert', 'nbad', 'int', NULL, NULL, 'meta.number', 0, 0, 0, 45, 'bad pixels in the 5 x 5 around the source'),
    ('mars.alert', 'rb', 'float', NULL, NULL, 'stat.probability', 0, 1, 0, 46, 'real (1) or bogus (0), random forest'),
    ('mars.alert', 'ssdistnr', 'float', NULL, 'arcsec', 'pos.angDistance', 0, 0, 0, 47, 'distance to the nearest known solar-system body, within 30 arcsec'),
    ('mars.alert', 'ssmagnr', 'float', NULL, 'mag', 'phot.mag', 0, 0, 0, 48, 'magnitude of that body, usually V'),
    ('mars.alert', 'ssnamenr', 'unicodeChar', '*', NULL, 'meta.id;src', 1, 0, 0, 49, 'name of that body'),
    ('mars.alert', 'sumrat', 'float', NULL, NULL, 'phot.count;arith.ratio', 0, 0, 0, 50, 'sum of pixels over sum of their absolute values, 5 x 5'),
    ('mars.alert', 'magapbig', 'float', NULL, 'mag', 'phot.mag', 0, 0, 0, 51, 'magnitude of the difference, aperture of 18 pixels'),
    ('mars.alert', 'sigmagapbig', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 0, 0, 52, '1-sigma error of magapbig'),
    ('mars.alert', 'ranr', 'double', NULL, 'deg', 'pos.eq.ra', 0, 0, 0, 53, 'right ascension of the nearest reference source, J2000'),
    ('mars.alert', 'decnr', 'double', NULL, 'deg', 'pos.eq.dec', 0, 0, 0, 54, 'declination of the nearest reference source, J2000'),
    ('mars.alert', 'sgmag1', 'float', NULL, 'mag', 'phot.mag;em.opt.B', 0, 0, 0, 55, 'g of the closest Pan-STARRS1 source'),
    ('mars.alert', 'srmag1', 'float', NULL, 'mag', 'phot.mag;em.opt.R', 0, 0, 0, 56, 'r of the closest Pan-STARRS1 source'),
    ('mars.alert', 'simag1', 'float', NULL, 'mag', 'phot.mag;em.opt.I', 0, 0, 0, 57, 'i of the closest Pan-STARRS1 source'),
    ('mars.alert', 'szmag1', 'float', NULL, 'mag', 'phot.mag;em.opt.I', 0, 0, 0, 58, 'z of the closest Pan-STARRS1 source'),
    ('mars.alert', 'sgscore1', 'float', NULL, NULL, 'src.class.starGalaxy', 0, 0, 0, 59, 'star (1) or galaxy (0), closest Pan-STARRS1 source'),
    ('mars.alert', 'distpsnr1', 'float', NULL, 'arcsec', 'pos.angDistance', 0, 0, 0, 60, 'distance to the closest Pan-STARRS1 source'),
    ('mars.alert', 'ndethist', 'int', NULL, NULL, 'meta.number;obs', 0, 0, 0, 61, 'detections within 1.5 arcsec since the survey began, same field and channel'),
    ('mars.alert', 'ncovhist', 'int', NULL, NULL, 'meta.number;obs', 0, 0, 0, 62, 'exposures of this position since the survey began'),
    ('mars.alert', 'jdstarthist', 'double', NULL, 'd', 'time.start', 0, 0, 0, 63, 'earliest epoch of ndethist, Julian date'),
    ('mars.alert', 'jdendhist', 'double', NULL, 'd', 'time.end', 0, 0, 0, 64, 'latest epoch of ndethist, Julian date'),
    ('mars.alert', 'scorr', 'double', NULL, NULL, 'stat.snr', 0, 0, 0, 65, 'peak signal to noise in the matched-filtered image'),
    ('mars.alert', 'tooflag', 'int', NULL, NULL, 'meta.code', 0, 0, 0, 66, '1: target of opportunity'),
    ('mars.alert', 'objectidps1', 'long', NULL, NULL, 'meta.id;src', 0, 0, 0, 67, 'id of the closest Pan-STARRS1 source'),
    ('mars.alert', 'objectidps2', 'long', NULL, NULL, 'meta.id;src', 0, 0, 0, 68, 'id of the second closest Pan-STARRS1 source'),
    ('mars.alert', 'sgmag2', 'float', NULL, 'mag', 'phot.mag;em.opt.B', 0, 0, 0, 69, 'g of the second closest Pan-STARRS1 source'),
    ('mars.alert', 'srmag2', 'float', NULL, 'mag', 'phot.mag;em.opt.R', 0, 0, 0, 70, 'r of the second closest Pan-STARRS1 source'),
    ('mars.alert', 'simag2', 'float', NULL, 'mag', 'phot.mag;em.opt.I', 0, 0, 0, 71, 'i of the second closest Pan-STARRS1 source'),
    ('mars.alert', 'szmag2', 'float', NULL, 'mag', 'phot.mag;em.opt.I', 0, 0, 0, 72, 'z of the second closest Pan-STARRS1 source'),
    ('mars.alert', 'sgscore2', 'float', NULL, NULL, 'src.class.starGalaxy', 0, 0, 0, 73, 'star (1) or galaxy (0), second closest Pan-STARRS1 source'),
    ('mars.alert', 'distpsnr2', 'float', NULL, 'arcsec', 'pos.angDistance', 0, 0, 0, 74, 'distance to the second closest Pan-STARRS1 source'),
    ('mars.alert', 'objectidps3', 'long', NULL, NULL, 'meta.id;src', 0, 0, 0, 75, 'id of the third closest Pan-STARRS1 source'),
    ('mars.alert', 'sgmag3', 'float', NULL, 'mag', 'phot.mag;em.opt.B', 0, 0, 0, 76, 'g of the third closest Pan-STARRS1 source'),
    ('mars.alert', 'srmag3', 'float', NULL, 'mag', 'phot.mag;em.opt.R', 0, 0, 0, 77, 'r of the third closest Pan-STARRS1 source'),
    ('mars.alert', 'simag3', 'float', NULL, 'mag', 'phot.mag;em.opt.I', 0, 0, 0, 78, 'i of the third closest Pan-STARRS1 source'),
    ('mars.alert', 'szmag3', 'float', NULL, 'mag', 'phot.mag;em.opt.I', 0, 0, 0, 79, 'z of the third closest Pan-STARRS1 source'),
    ('mars.alert', 'sgscore3', 'float', NULL, NULL, 'src.class.starGalaxy', 0, 0, 0, 80, 'star (1) or galaxy (0), third closest Pan-STARRS1 source'),
    ('mars.alert', 'distpsnr3', 'float', NULL, 'arcsec', 'pos.angDistance', 0, 0, 0, 81, 'distance to the third closest Pan-STARRS1 source'),
    ('mars.alert', 'nmtchps', 'int', NULL, NULL, 'meta.number', 0, 0, 0, 82, 'Pan-STARRS1 sources within 30 arcsec'),
    ('mars.alert', 'rfid', 'long', NULL, NULL, 'meta.id;obs.image', 0, 0, 0, 83, 'processing id of the reference image'),
    ('mars.alert', 'jdstartref', 'double', NULL, 'd', 'time.start', 0, 0, 0, 84, 'earliest exposure in the reference image, Julian date'),
    ('mars.alert', 'jdendref', 'double', NULL, 'd', 'time.end', 0, 0, 0, 85, 'latest exposure in the reference image, Julian date'),
    ('mars.alert', 'nframesref', 'int', NULL, NULL, 'meta.number;obs', 0, 0, 0, 86, 'exposures in the reference image'),
    ('mars.alert', 'rbversion', 'char', '*', NULL, 'meta.version', 0, 0, 0, 87, 'version of the rb classifier'),
    ('mars.alert', 'dsnrms', 'float', NULL, NULL, 'stat.snr', 0, 0, 0, 88, 'D / stddev(D) at the position, D the difference image'),
    ('mars.alert', 'ssnrms', 'float', NULL, NULL, 'stat.snr', 0, 0, 0, 89, 'S / stddev(S) at the position, S the difference image convolved with its PSF'),
    ('mars.alert', 'dsdiff', 'float', NULL, NULL, 'stat.snr;arith.diff', 0, 0, 0, 90, 'dsnrms - ssnrms'),
    ('mars.alert', 'magzpsci', 'float', NULL, 'mag', 'phot.mag;arith.zp', 0, 0, 0, 91, 'magnitude zero point of the science image'),
    ('mars.alert', 'magzpsciunc', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 0, 0, 92, 'error of magzpsci'),
    ('mars.alert', 'magzpscirms', 'float', NULL, 'mag', 'stat.stdev;phot.mag', 0, 0, 0, 93, 'scatter about the photometric calibrators'),
    ('mars.alert', 'nmatches', 'int', NULL, NULL, 'meta.number', 0, 0, 0, 94, 'Pan-STARRS1 calibrators used'),
    ('mars.alert', 'clrcoeff', 'float', NULL, NULL, 'phot.color;stat.fit.param', 0, 0, 0, 95, 'colour coefficient of the calibration'),
    ('mars.alert', 'clrcounc', 'float', NULL, NULL, 'stat.error;phot.color', 0, 0, 0, 96, 'error of clrcoeff'),
    ('mars.alert', 'zpclrcov', 'float', NULL, 'mag**2', 'stat.covariance', 0, 0, 0, 97, 'covariance of magzpsci and clrcoeff'),
    ('mars.alert', 'zpmed', 'float', NULL, 'mag', 'phot.mag;arith.zp;stat.median', 0, 0, 0, 98, 'zero point, median over the calibrators'),
    ('mars.alert', 'clrmed', 'float', NULL, 'mag', 'phot.color;stat.median', 0, 0, 0, 99, 'median colour of the calibrators (g-r for g and r, r-i for i)'),
    ('mars.alert', 'clrrms', 'float', NULL, 'mag', 'stat.stdev;phot.color', 0, 0, 0, 100, 'scatter of the calibrators'' colour'),
    ('mars.alert', 'neargaia', 'float', NULL, 'arcsec', 'pos.angDistance', 0, 0, 0, 101, 'distance to the closest Gaia DR1 source, within 90 arcsec'),
    ('mars.alert', 'neargaiabright', 'float', NULL, 'arcsec', 'pos.angDistance', 0, 0, 0, 102, 'distance to the closest Gaia DR1 source brighter than 14'),
    ('mars.alert', 'maggaia', 'float', NULL, 'mag', 'phot.mag;em.opt', 0, 0, 0, 103, 'G of the closest Gaia DR1 source'),
    ('mars.alert', 'maggaiabright', 'float', NULL, 'mag', 'phot.mag;em.opt', 0, 0, 0, 104, 'G of the closest Gaia DR1 source brighter than 14'),
    ('mars.alert', 'exptime', 'float', NULL, 's', 'time.duration;obs.exposure', 0, 0, 0, 105, 'exposure time'),
    ('mars.alert', 'drb', 'float', NULL, NULL, 'stat.probability', 0, 1, 0, 106, 'real (1) or bogus (0), deep learning'),
    ('mars.alert', 'drbversion', 'char', '*', NULL, 'meta.version', 0, 0, 0, 107, 'version of the drb classifier'),
    ('mars.alert', 'deltamaglatest', 'double', NULL, 'mag', 'phot.mag;arith.diff', 0, 0, 0, 108, 'magpsf minus that of the newest earlier detection of the packet, same filter and sign'),
    ('mars.alert', 'deltamagref', 'double', NULL, 'mag', 'phot.mag;arith.diff', 0, 0, 0, 109, 'magnr - magpsf where distnr < 2'),
    ('mars.alert', 'schemavsn', 'char', '*', NULL, 'meta.version', 0, 0, 0, 110, 'version of the packet''s schema'),
    ('mars.alert', 'publisher', 'unicodeChar', '*', NULL, 'meta.curation', 0, 0, 0, 111, 'who sent the packet'),
    ('mars.alert', 'batch', 'long', NULL, NULL, 'meta.id;meta.dataset', 1, 0, 0, 112, 'number of the batch that stored the alert'),
    ('mars.alert', 'lco_id', 'long', NULL, NULL, 'meta.id', 1, 0, 0, 113, 'small number that the archive gives each alert'),
    ('mars.object', 'object_id', 'char', '*', NULL, 'meta.id;src', 1, 1, 0, 0, 'ZTF''s name of the object (objectId)'),
    ('mars.object', 'alerts', 'int', NULL, NULL, 'meta.number;obs', 0, 1, 0, 1, 'number of its alerts'),
    ('mars.object', 'alerts_g', 'int', NULL, NULL, 'meta.number;obs', 0, 0, 0, 2, 'of these in g'),
    ('mars.object', 'alerts_r', 'int', NULL, NULL, 'meta.number;obs', 0, 0, 0, 3, 'of these in r'),
    ('mars.object', 'alerts_i', 'int', NULL, NULL, 'meta.number;obs', 0, 0, 0, 4, 'of these in i'),
    ('mars.object', 'first_jd', 'double', NULL, 'd', 'time.start', 0, 0, 0, 5, 'first exposure, Julian date, UTC'),
    ('mars.object', 'last_jd', 'double', NULL, 'd', 'time.end', 0, 0, 0, 6, 'last exposure, Julian date, UTC'),
    ('mars.object', 'brightest_magpsf', 'float', NULL, 'mag', 'phot.mag;stat.min', 0, 0, 0, 7, 'least magpsf of its alerts above the reference'),
    ('mars.object', 'ra', 'double', NULL, 'deg', 'pos.eq.ra;meta.main', 0, 1, 0, 8, 'mean right ascension, J2000'),
    ('mars.object', 'dec', 'double', NULL, 'deg', 'pos.eq.dec;meta.main', 0, 1, 0, 9, 'mean declination, J2000'),
    ('mars.detection', 'object_id', 'char', '*', NULL, 'meta.id;src', 1, 1, 0, 0, 'ZTF''s name of the object (objectId)'),
    ('mars.detection', 'candid', 'long', NULL, NULL, 'meta.id;meta.main', 0, 0, 0, 1, 'candidate id, unique to the alert'),
    ('mars.detection', 'jd', 'double', NULL, 'd', 'time.start;obs.exposure', 0, 1, 0, 2, 'start of exposure, Julian date, UTC'),
    ('mars.detection', 'mjd', 'double', NULL, 'd', 'time.start;obs.exposure', 0, 0, 0, 3, 'start of exposure, modified Julian date, UTC'),
    ('mars.detection', 'pid', 'long', NULL, NULL, 'meta.id;obs.image', 0, 0, 0, 4, 'processing id of the science image'),
    ('mars.detection', 'filter', 'char', '*', NULL, 'meta.id;instr.filter', 0, 1, 0, 5, 'band of the exposure: g, r or i'),
    ('mars.detection', 'magpsf', 'float', NULL, 'mag', 'phot.mag', 0, 1, 0, 6, 'magnitude of the difference, PSF fit'),
    ('mars.detection', 'sigmapsf', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 1, 0, 7, '1-sigma error of magpsf'),
    ('mars.detection', 'isdiffpos', 'boolean', NULL, NULL, 'meta.code;phot.flux', 0, 0, 0, 8, 'true: brighter than the reference; false: fainter'),
    ('mars.detection', 'magnr', 'float', NULL, 'mag', 'phot.mag', 0, 0, 0, 9, 'magnitude of that source'),
    ('mars.detection', 'sigmagnr', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 0, 0, 10, '1-sigma error of magnr'),
    ('mars.detection', 'distnr', 'float', NULL, 'pix', 'pos.angDistance', 0, 0, 0, 11, 'distance to the nearest source of the reference image'),
    ('mars.detection', 'rb', 'float', NULL, NULL, 'stat.probability', 0, 0, 0, 12, 'real (1) or bogus (0), random forest'),
    ('mars.detection', 'is_alert', 'boolean', NULL, NULL, 'meta.code', 0, 0, 0, 13, 'true: an alert of mars.alert; false: known from a history, rounded by ZTF'),
    ('mars.upper_limit', 'object_id', 'char', '*', NULL, 'meta.id;src', 1, 1, 0, 0, 'ZTF''s name of the object (objectId)'),
    ('mars.upper_limit', 'jd', 'double', NULL, 'd', 'time.start;obs.exposure', 0, 1, 0, 1, 'start of exposure, Julian date, UTC'),
    ('mars.upper_limit', 'mjd', 'double', NULL, 'd', 'time.start;obs.exposure', 0, 0, 0, 2, 'start of exposure, modified Julian date, UTC'),
    ('mars.upper_limit', 'pid', 'long', NULL, NULL, 'meta.id;obs.image', 0, 0, 0, 3, 'processing id of the science image'),
    ('mars.upper_limit', 'filter', 'char', '*', NULL, 'meta.id;instr.filter', 0, 1, 0, 4, 'band of the exposure: g, r or i'),
    ('mars.upper_limit', 'diffmaglim', 'float', NULL, 'mag', 'phot.mag;stat.max', 0, 1, 0, 5, 'expected 5-sigma limit of the difference image'),
    ('mars.forced', 'object_id', 'char', '*', NULL, 'meta.id;src', 1, 1, 0, 0, 'ZTF''s name of the object (objectId)'),
    ('mars.forced', 'jd', 'double', NULL, 'd', 'time.start;obs.exposure', 0, 1, 0, 1, 'start of exposure, Julian date, UTC'),
    ('mars.forced', 'mjd', 'double', NULL, 'd', 'time.start;obs.exposure', 0, 0, 0, 2, 'start of exposure, modified Julian date, UTC'),
    ('mars.forced', 'pid', 'long', NULL, NULL, 'meta.id;obs.image', 0, 0, 0, 3, 'processing id of the science image'),
    ('mars.forced', 'filter', 'char', '*', NULL, 'meta.id;instr.filter', 0, 1, 0, 4, 'band of the exposure: g, r or i'),
    ('mars.forced', 'forcediffimflux', 'float', NULL, 'adu', 'phot.count', 0, 1, 0, 5, 'flux of the difference, PSF fit'),
    ('mars.forced', 'forcediffimfluxunc', 'float', NULL, 'adu', 'stat.error;phot.count', 0, 1, 0, 6, '1-sigma error of forcediffimflux'),
    ('mars.forced', 'magzpsci', 'float', NULL, 'mag', 'phot.mag;arith.zp', 0, 0, 0, 7, 'magnitude zero point of the science image'),
    ('mars.forced', 'procstatus', 'char', '*', NULL, 'meta.code.status', 0, 0, 0, 8, '0: clean, 56: warning, 55, 61: no flux'),
    ('mars.forced', 'exptime', 'float', NULL, 's', 'time.duration;obs.exposure', 0, 0, 0, 9, 'exposure time'),
    ('mars.forced', 'diffmaglim', 'float', NULL, 'mag', 'phot.mag;stat.max', 0, 0, 0, 10, 'expected 5-sigma limit of the difference image'),
    ('mars.forced', 'magnr', 'float', NULL, 'mag', 'phot.mag', 0, 0, 0, 11, 'magnitude of that source'),
    ('mars.forced', 'sigmagnr', 'float', NULL, 'mag', 'stat.error;phot.mag', 0, 0, 0, 12, '1-sigma error of magnr'),
    ('mars.forced', 'distnr', 'float', NULL, 'arcsec', 'pos.angDistance', 0, 0, 0, 13, 'distance to the reference source'),
    ('mars.forced', 'from_candid', 'long', NULL, NULL, 'meta.id', 0, 0, 0, 14, 'the alert that carried it'),
    ('tap_schema.schemas', 'schema_name', 'char', '*', NULL, NULL, 0, 1, 1, 0, 'name of the schema'),
    ('tap_schema.schemas', 'utype', 'char', '*', NULL, NULL, 0, 1, 1, 1, 'its place in a data model'),
    ('tap_schema.schemas', 'description', 'char', '*', NULL, NULL, 0, 1, 1, 2, 'what it is'),
    ('tap_schema.schemas', 'schema_index', 'int', NULL, NULL, NULL, 0, 1, 1, 3, 'place among the schemas'),
    ('tap_schema.tables', 'schema_name', 'char', '*', NULL, NULL, 0, 1, 1, 0, 'its schema'),
    ('tap_schema.tables', 'table_name', 'char', '*', NULL, NULL, 0, 1, 1, 1, 'name, with the schema, as a query has it'),
    ('tap_schema.tables', 'table_type', 'char', '*', NULL, NULL, 0, 1, 1, 2, 'table or view'),
    ('tap_schema.tables', 'utype', 'char', '*', NULL, NULL, 0, 1, 1, 3, 'its place in a data model'),
    ('tap_schema.tables', 'description', 'char', '*', NULL, NULL, 0, 1, 1, 4, 'what it is'),
    ('tap_schema.tables', 'table_index', 'int', NULL, NULL, NULL, 0, 1, 1, 5, 'place among the tables'),
    ('tap_schema.columns', 'table_name', 'char', '*', NULL, NULL, 0, 1, 1, 0, 'its table'),
    ('tap_schema.columns', 'column_name', 'char', '*', NULL, NULL, 0, 1, 1, 1, 'name as a query has it'),
    ('tap_schema.columns', 'datatype', 'char', '*', NULL, NULL, 0, 1, 1, 2, 'type, as VOTable has it'),
    ('tap_schema.columns', 'arraysize', 'char', '*', NULL, NULL, 0, 1, 1, 3, 'length, as VOTable has it'),
    ('tap_schema.columns', 'xtype', 'char', '*', NULL, NULL, 0, 1, 1, 4, 'what the value stands for, as DALI has it'),
    ('tap_schema.columns', '"size"', 'int', NULL, NULL, NULL, 0, 1, 1, 5, 'length; arraysize says more'),
    ('tap_schema.columns', 'description', 'char', '*', NULL, NULL, 0, 1, 1, 6, 'what it is'),
    ('tap_schema.columns', 'utype', 'char', '*', NULL, NULL, 0, 1, 1, 7, 'its place in a data model'),
    ('tap_schema.columns', 'unit', 'char', '*', NULL, NULL, 0, 1, 1, 8, 'unit, as VOUnits spells it'),
    ('tap_schema.columns', 'ucd', 'char', '*', NULL, NULL, 0, 1, 1, 9, 'what it is, as UCD1+'),
    ('tap_schema.columns', 'indexed', 'int', NULL, NULL, NULL, 0, 1, 1, 10, '1: an index leads from its value to rows'),
    ('tap_schema.columns', 'principal', 'int', NULL, NULL, NULL, 0, 1, 1, 11, '1: among the first to look at'),
    ('tap_schema.columns', 'std', 'int', NULL, NULL, NULL, 0, 1, 1, 12, '1: defined by a standard'),
    ('tap_schema.columns', 'column_index', 'int', NULL, NULL, NULL, 0, 1, 1, 13, 'place in the table'),
    ('tap_schema.keys', 'key_id', 'char', '*', NULL, NULL, 0, 1, 1, 0, 'name of the key'),
    ('tap_schema.keys', 'from_table', 'char', '*', NULL, NULL, 0, 1, 1, 1, 'the table that refers to another'),
    ('tap_schema.keys', 'target_table', 'char', '*', NULL, NULL, 0, 1, 1, 2, 'the table to which it refers'),
    ('tap_schema.keys', 'utype', 'char', '*', NULL, NULL, 0, 1, 1, 3, 'its place in a data model'),
    ('tap_schema.keys', 'description', 'char', '*', NULL, NULL, 0, 1, 1, 4, 'what it is'),
    ('tap_schema.key_columns', 'key_id', 'char', '*', NULL, NULL, 0, 1, 1, 0, 'name of the key'),
    ('tap_schema.key_columns', 'from_column', 'char', '*', NULL, NULL, 0, 1, 1, 1, 'column of from_table'),
    ('tap_schema.key_columns', 'target_column', 'char', '*', NULL, NULL, 0, 1, 1, 2, 'column of target_table');
INSERT INTO tap_schema.keys (key_id, from_table, target_table, utype, description) VALUES
    ('alert_object', 'mars.alert', 'mars.object', NULL, 'the object of a row'),
    ('detection_object', 'mars.detection', 'mars.object', NULL, 'the object of a row'),
    ('upper_limit_object', 'mars.upper_limit', 'mars.object', NULL, 'the object of a row'),
    ('forced_object', 'mars.forced', 'mars.object', NULL, 'the object of a row'),
    ('tap_schema_1', 'tap_schema.tables', 'tap_schema.schemas', NULL, 'as it says'),
    ('tap_schema_2', 'tap_schema.columns', 'tap_schema.tables', NULL, 'as it says'),
    ('tap_schema_3', 'tap_schema.keys', 'tap_schema.tables', NULL, 'as it says'),
    ('tap_schema_4', 'tap_schema.keys', 'tap_schema.tables', NULL, 'as it says'),
    ('tap_schema_5', 'tap_schema.key_columns', 'tap_schema.keys', NULL, 'as it says'),
    ('forced_alert', 'mars.forced', 'mars.alert', NULL, 'the alert that carried it');
INSERT INTO tap_schema.key_columns (key_id, from_column, target_column) VALUES
    ('alert_object', 'object_id', 'object_id'),
    ('detection_object', 'object_id', 'object_id'),
    ('upper_limit_object', 'object_id', 'object_id'),
    ('forced_object', 'object_id', 'object_id'),
    ('tap_schema_1', 'schema_name', 'schema_name'),
    ('tap_schema_2', 'table_name', 'table_name'),
    ('tap_schema_3', 'from_table', 'table_name'),
    ('tap_schema_4', 'target_table', 'table_name'),
    ('tap_schema_5', 'key_id', 'key_id'),
    ('forced_alert', 'from_candid', 'candid');

ALTER TABLE app.job DROP CONSTRAINT job_status_check;
ALTER TABLE app.job
    ADD CONSTRAINT job_status_check CHECK (status IN ('pending', 'queued', 'running', 'done', 'failed', 'aborted')),
    ADD COLUMN started timestamptz;
COMMENT ON COLUMN app.job.started IS 'when it was begun last';
ALTER TABLE app.job ALTER COLUMN as_of DROP NOT NULL;
COMMENT ON COLUMN app.job.as_of IS 'batch up to which the archive is seen, fixed when the job is sent: whenever it runs, the result is the same; NULL: a query of TAP, which sees what is there when it runs';
