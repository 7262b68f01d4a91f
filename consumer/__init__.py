"""What writes the archive: from Kafka or from files, in batches."""
