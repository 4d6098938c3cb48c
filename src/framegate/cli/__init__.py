"""The framegate command."""
