"""Plan the ladder, encode chunks, join, package."""
