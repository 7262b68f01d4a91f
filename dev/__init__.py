"""The local stack, the alert simulator and the feeder; no part of the archive imports them."""
