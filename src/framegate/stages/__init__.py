"""The stages of the flow; they meet only in domain values."""
