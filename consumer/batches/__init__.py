"""One batch of messages -> its object, its rows, its ledger. Knows no source of messages."""
