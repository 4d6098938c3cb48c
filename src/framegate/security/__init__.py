"""Keeping hostile bytes in, and keys and people's data safe."""
