"""Durable work: flows of checkpointed steps, and leases that say who is at them."""

from framegate.jobs.engine import Answer, Flow, Interrupted, Jobs, JobState, Steps
from framegate.jobs.lease import Leases

__all__ = ["Answer", "Flow", "Interrupted", "JobState", "Jobs", "Leases", "Steps"]
