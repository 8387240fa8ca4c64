"""Load a real server as its callers do, and check every answer: ``python -m benchmarks.load``."""
