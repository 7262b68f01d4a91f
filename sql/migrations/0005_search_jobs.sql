-- A search may be a job too: what a row of app.job said of a match it now says of any kind of work.

ALTER TABLE app.job RENAME COLUMN positions TO expected;
ALTER TABLE app.job RENAME COLUMN matches TO found;
ALTER TABLE app.job DROP CONSTRAINT job_check;
ALTER TABLE app.job DROP CONSTRAINT job_positions_check;
ALTER TABLE app.job ALTER COLUMN expected DROP NOT NULL;
ALTER TABLE app.job
    ADD CONSTRAINT job_expected_check CHECK (expected >= 0),
    ADD CONSTRAINT job_done_check CHECK (done >= 0),
    ADD COLUMN kind text NOT NULL DEFAULT 'match',
    ADD COLUMN file text NOT NULL DEFAULT 'matches.parquet',
    ADD COLUMN is_estimate boolean NOT NULL DEFAULT false,
    ADD COLUMN cap integer,
    ADD COLUMN next text;
ALTER TABLE app.job ALTER COLUMN kind DROP DEFAULT, ALTER COLUMN file DROP DEFAULT;
COMMENT ON TABLE app.job IS 'Work too long for one answer; what it works on and its result lie in the object store under results/<id>/';
COMMENT ON COLUMN app.job.parameters IS 'query string as [name, value] pairs: filters, columns, limit';
COMMENT ON COLUMN app.job.parts IS 'bytes of each object that holds what it works on: the positions of a match';
COMMENT ON COLUMN app.job.expected IS 'how much there is to do: the positions of a match, the alerts that a search finds; NULL: not known';
COMMENT ON COLUMN app.job.done IS 'how much of that has been done since the last start';
COMMENT ON COLUMN app.job.found IS 'alerts in the result';
COMMENT ON COLUMN app.job.expires IS 'when row, parts and result are swept';
COMMENT ON COLUMN app.job.kind IS 'what it does, by the name that its kind of work has in the app';
COMMENT ON COLUMN app.job.file IS 'name of the result';
COMMENT ON COLUMN app.job.is_estimate IS 'whether `expected` is an estimate: then `done` may go beyond it';
COMMENT ON COLUMN app.job.cap IS 'most alerts that the result of a search may hold';
COMMENT ON COLUMN app.job.next IS 'cursor of the first alert beyond that; NULL: the result holds all that match';
-- One queue for all kinds; what waits in it goes on waiting.
UPDATE app.pgqueuer SET entrypoint = 'job' WHERE entrypoint = 'match';
