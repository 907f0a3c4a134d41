"""Restoring a caller's access to a cluster through the EKS API."""
