"""The examination that `cdp doctor` makes: what is wrong, and what to do about it."""

from cdp.cli.doctor.examination import examine
from cdp.cli.doctor.findings import Finding, Level

__all__ = ["Finding", "Level", "examine"]
