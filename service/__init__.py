"""The edge: gRPC, settings, auth, metrics, the downstream LLM and the command line."""
