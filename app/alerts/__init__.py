"""A Search -> SQL -> rows -> a page -> bytes. It knows nothing of requests but how long they wait."""
