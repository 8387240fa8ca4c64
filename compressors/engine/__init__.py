"""Turn many small model calls into few large ones."""
