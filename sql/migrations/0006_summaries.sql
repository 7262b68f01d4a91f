-- Batches are looked up by ranges of pages. Pages that are full are put into their range at once,
-- not at the next vacuum: until then every question after new batches would read them all.
ALTER INDEX alert_batch SET (autosummarize = on);
