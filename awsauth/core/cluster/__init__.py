"""Findings from facts about the cluster."""
