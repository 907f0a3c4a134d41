"""The wanted state: a whole manifest, or fragments with owners."""
