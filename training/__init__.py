"""How the weights bundled with the compressors were made, runnable again."""
