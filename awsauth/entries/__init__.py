"""Changing access entries, with guards, history and rollback."""
