"""Breaks a running archive on purpose, and proves by its ledger that nothing was lost."""
