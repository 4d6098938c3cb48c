"""Frozen values of the trade. No I/O, no clock, no vendor; numpy only where pixels are held."""
