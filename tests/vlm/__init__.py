"""The analyser against a real vLLM that serves a tiny model on this machine's CPU."""
