"""The only door for data: quarantine, suites, verdicts, reports."""
