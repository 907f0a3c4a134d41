"""Guards: each refuses one kind of change unless it is allowed by name."""
