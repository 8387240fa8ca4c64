"""Models that run on torch, behind the protocols of the core. Imported lazily."""
