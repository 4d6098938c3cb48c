"""The ``framegate`` command."""

from framegate.cli.app import main

__all__ = ["main"]
