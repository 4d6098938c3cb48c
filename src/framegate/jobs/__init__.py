"""Durable work. The only importer of DBOS."""
