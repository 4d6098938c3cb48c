"""Shipped for tests of framegate and of what is built on it."""
