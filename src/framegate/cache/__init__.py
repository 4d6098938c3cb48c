"""Verdict caches: `embedded` in one file, `redis` for many machines; one contract."""
