"""What hardware a plan needs, and whether it can work at all."""
