-- A topic made anew is known by Kafka's id of it; a partition whose messages are refused one after
-- the other waits for an operator; an empty message is a reject without bytes.

ALTER TABLE position ADD COLUMN topic_id uuid;
COMMENT ON COLUMN position.topic_id IS 'Kafka''s own id of the topic, new for each incarnation; NULL: not told';

CREATE TABLE held (
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    reason      text        NOT NULL,
    next_offset bigint      NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    released    timestamptz,
    PRIMARY KEY (topic, partition, reason)
);
COMMENT ON TABLE held IS 'Partitions that wait because message after message is refused for one reason, as by a new schema; `python -m consumer release` lets them go on';
COMMENT ON COLUMN held.topic IS 'topic';
COMMENT ON COLUMN held.partition IS 'partition';
COMMENT ON COLUMN held.reason IS 'why its messages are refused, without their numbers';
COMMENT ON COLUMN held.next_offset IS 'first offset that waits; a position beyond it has gone on';
COMMENT ON COLUMN held.since IS 'when it was held first';
COMMENT ON COLUMN held.released IS 'when an operator let it go on, its messages to be rejected; NULL: not';

GRANT SELECT ON held TO mars_reader, mars_writer;
GRANT INSERT, UPDATE ON held TO mars_writer;

ALTER TABLE reject ALTER COLUMN bundle DROP NOT NULL;
COMMENT ON COLUMN reject.bundle IS 'bundle of its bytes, under rejects/; NULL: it has none';
