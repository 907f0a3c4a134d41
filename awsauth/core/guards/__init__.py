"""Guards: what a change may not do unless it is allowed by name."""
