"""The migration of a cluster from aws-auth to access entries, step by step."""
