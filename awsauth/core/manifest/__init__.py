"""The YAML or JSON file around the data."""
