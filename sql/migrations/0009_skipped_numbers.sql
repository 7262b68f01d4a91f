-- A stream goes on after an lco_id: after a restore no number may name another alert than before.

CREATE OR REPLACE FUNCTION skip_batches(how_many bigint) RETURNS bigint
    LANGUAGE sql
    AS 'UPDATE counter SET batch = batch + how_many, lco_id = lco_id + 5000 * how_many RETURNING batch';
COMMENT ON FUNCTION skip_batches IS
    'After a restore from a backup: leaves out the numbers that were given since, those of so many batches and of 5,000 alerts in each, so that none names two contents';
