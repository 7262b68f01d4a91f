"""Files of packets, in batches: folders, tarballs, addresses. Knows nothing of Kafka."""
