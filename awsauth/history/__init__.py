"""Committing, settling, listing, rolling back and pruning: the rules of history, once for every store."""
