"""Many positions against the archive, now or as a job."""
