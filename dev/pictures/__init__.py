"""Pictures for README, made anew from a MARS that runs: `make pictures`."""
