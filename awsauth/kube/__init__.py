"""Talking to one Kubernetes API server."""
