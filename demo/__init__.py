"""See Condensery work: ``python -m demo``."""
