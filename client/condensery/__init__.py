"""Client of Condensery, the context compression service."""
