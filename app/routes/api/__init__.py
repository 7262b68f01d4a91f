"""The typed API under /api/v1, but for watches."""
