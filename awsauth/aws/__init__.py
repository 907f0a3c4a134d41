"""Talking to AWS: credentials, tokens, EKS, instance metadata, IAM."""
