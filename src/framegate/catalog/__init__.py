"""What is remembered: assets, decisions, hash lists."""
