"""The migration from mappings to access entries, and how access would differ."""
