"""Use cases: what a person or a site asks of framegate."""
