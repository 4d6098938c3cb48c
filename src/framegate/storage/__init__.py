"""The data folder, and writing that is whole or absent."""

from framegate.storage.local import DataFolder
from framegate.storage.names import output_name

__all__ = ["DataFolder", "output_name"]
