"""The pages of one thing: an alert, a job, a region, a watch."""
