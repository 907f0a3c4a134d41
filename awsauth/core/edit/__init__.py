"""Changes to a text, made as splices."""
