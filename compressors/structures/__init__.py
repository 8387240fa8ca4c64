"""What must not be cut: where it stands in a text, and what it means nothing without."""
