"""What the app knows of each survey beside its columns. It knows nothing of searches."""
