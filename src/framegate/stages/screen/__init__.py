"""Choose frames, decode, run the cascade, report coverage."""
