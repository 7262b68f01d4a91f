"""ZTF, as the app knows it: how it is asked for, its photometry, its camera."""
