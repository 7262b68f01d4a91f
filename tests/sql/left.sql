-- What apps and their users had left in an archive by the time of each schema, in its own words.
-- Each part is run once the migration of its number is applied.

-- 0002
INSERT INTO app.name (name, canonical, ra, dec, source)
VALUES ('m31', 'M 31', 10.6847, 41.2688, 'CDS Sesame');
INSERT INTO app.name (name, source) VALUES ('nobody', 'CDS Sesame');

-- 0003
INSERT INTO app.job (
    id, client, status, parameters, parts, positions, done, as_of, starts, matches, size,
    created, ended, expires
) VALUES (
    'match---------------------------', '192.0.2.1', 'done', '[["limit", "5"]]', '{120, 80}', 20000, 20000, 1, 1, 7, 4096,
    now() - interval '1 hour', now(), now() + interval '9 days'
);
INSERT INTO app.job (id, client, parameters, parts, positions, as_of, expires) VALUES (
    'waiting-------------------------', '192.0.2.1', '[]', '{120}', 12000, 1, now() + interval '9 days'
);
INSERT INTO app.pgqueuer (priority, status, entrypoint, payload)
VALUES (0, 'queued', 'match', 'waiting-------------------------');
INSERT INTO app.pgqueuer_log (job_id, status, priority, entrypoint)
VALUES (7, 'successful', 0, 'done before');

-- 0004
INSERT INTO held (topic, partition, reason, next_offset)
VALUES ('ztf_20260131_programid1', 0, 'a new schema', 14);

-- 0005
INSERT INTO app.job (
    id, client, status, parameters, parts, as_of, starts, found, size, kind, file, is_estimate, cap,
    next, created, ended, expires
) VALUES (
    'search--------------------------', '192.0.2.2', 'done', '[["format", "csv"], ["magpsf__lte", "19"]]', '{}', 1, 1, 9, 512,
    'search', 'alerts.csv', true, 9, 'abc', now() - interval '1 hour', now(), now() + interval '9 days'
);

-- 0007
INSERT INTO app.job (id, client, status, parameters, parts, kind, file, expires) VALUES (
    'tap-----------------------------', '192.0.2.3', 'pending', '[["QUERY", "SELECT 1"]]', '{}', 'tap', 'result.vot',
    now() + interval '9 days'
);

-- 0008
INSERT INTO app.region (id, client, cells, max_order, area, credible_level, expires)
SELECT 'region--------------------------', '192.0.2.4', int8multirange(int8range(face << 58, (face + 1) << 58)), 0,
    3437.75, 0.9, now() + interval '9 days'
FROM (SELECT healpix_29(ra, dec) >> 58 AS face FROM alert WHERE object_id = 'ZTF26aaaaaaa') AS cell;

-- 0010
INSERT INTO app.watch (id, client, secret, filters, positions, widest, upto, expires) VALUES (
    'watch---------------------------', '192.0.2.5', sha256('secret'), '[["magpsf__lte", "30"]]', 1, 0.01, 12,
    now() + interval '9 days'
);
INSERT INTO app.watch_position
SELECT 'watch---------------------------', 'target', ra, dec, 0.01 FROM alert WHERE object_id = 'ZTF26aaaaaaa';
INSERT INTO app.hit (watch, lco_id)
SELECT 'watch---------------------------', lco_id FROM alert ORDER BY lco_id LIMIT 5;

-- 0011
INSERT INTO app.token (digest, name) VALUES (sha256('token'), 'survey-team');
INSERT INTO app.token (digest, name, revoked) VALUES (sha256('gone'), 'former', now());

-- 0012
INSERT INTO app.webhook (watch, client, url, host, secret, status, cursor, reach, tries, outcome) VALUES (
    'watch---------------------------', '192.0.2.5', 'https://example.org/hook', 'example.org',
    'whsec_c2VjcmV0', 'active', 2, 5, 1, 'answered 500'
);

-- 0013
INSERT INTO app.subscription (watch, client, address, key, status, cursor) VALUES (
    'watch---------------------------', '192.0.2.5', 'somebody@example.org', 'key-----------------------------', 'active', 3
);
INSERT INTO app.mail_question (address, client) VALUES ('somebody@example.org', '192.0.2.5');

-- 0014
INSERT INTO app.topic (watch, name, error)
VALUES ('watch---------------------------', 'mars.watch', 'not allowed to make it');
