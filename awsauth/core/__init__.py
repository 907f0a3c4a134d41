"""The pure core: text and values, no I/O."""
