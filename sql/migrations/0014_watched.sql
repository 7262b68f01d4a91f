-- Positions of all watches around an alert in one pass; where alerts of watches go in Kafka.

CREATE INDEX watch_position_pixel ON app.watch_position (q3c_ang2ipix(ra, dec));
COMMENT ON INDEX app.watch_position_pixel IS 'the positions of all watches around an alert';
COMMENT ON INDEX app.watch_position_sky IS 'the positions of a watch around an alert, up to the first that is near enough';

CREATE TABLE app.topic (
    watch text PRIMARY KEY REFERENCES app.watch ON DELETE CASCADE,
    name  text NOT NULL,
    error text
);
COMMENT ON TABLE app.topic IS 'A topic of Kafka into which the alerts of a watch go; how far it is stands in the topic itself';
COMMENT ON COLUMN app.topic.watch IS 'the watch';
COMMENT ON COLUMN app.topic.name IS 'what the topic is called';
COMMENT ON COLUMN app.topic.error IS 'why it is not continued, in words for the watch''s page; NULL: it is';
GRANT SELECT, INSERT, UPDATE, DELETE ON app.topic TO mars_app;
