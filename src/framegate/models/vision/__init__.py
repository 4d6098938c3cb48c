"""Vision-language models behind an OpenAI-compatible server: the client and its profiles."""
