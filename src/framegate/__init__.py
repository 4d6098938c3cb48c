"""framegate: a self-hosted gate for video."""

__version__ = "0.1.0"
