"""compose.yaml tried without an engine of containers: `python -m dev.rehearsal`.

Knows compose.yaml, the images that `make image` built, and Linux's namespaces; nothing of how
the stack of `make` starts its servers.
"""
