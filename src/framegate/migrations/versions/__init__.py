"""One module for each schema step, oldest first."""
