"""Report: what happened to one video, for a person (HTML) and for programs (JSON)."""

from framegate.stages.report.write import write_report

__all__ = ["write_report"]
