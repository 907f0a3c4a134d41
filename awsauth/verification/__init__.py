"""Verify a change with new tokens, and revert it when it fails."""
