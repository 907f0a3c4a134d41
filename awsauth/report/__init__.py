"""The formats of an access report and of findings."""
