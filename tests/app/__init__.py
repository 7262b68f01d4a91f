"""Tests of the app, against real PostgreSQL, a real S3 server and a real HTTP server."""
