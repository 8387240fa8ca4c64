"""Look for bytes that break what comes before the models."""
