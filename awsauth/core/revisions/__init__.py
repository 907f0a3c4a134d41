"""Revisions: recorded states of aws-auth."""
