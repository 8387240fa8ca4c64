"""EXIT on a causal language model: its prompts, and how they are read."""
