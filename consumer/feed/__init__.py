"""Kafka: which partitions are ours, and their messages in batches. Knows nothing of files."""
