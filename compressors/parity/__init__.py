"""LLMLingua-2 as its package has it, decision by decision."""
