"""Before and after: what a change was worth, measured, compared, and told to those who decide and those who check."""

from tfjslab.reports.report import report
from tfjslab.reports.result import BeforeAfterReport

__all__ = ["BeforeAfterReport", "report"]
