"""The authenticator's rules for matching callers to mappings."""
