"""How the packets of each survey become rows."""
