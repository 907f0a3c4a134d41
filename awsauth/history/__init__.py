"""The rules of history for every store: commit, resolve, roll back, prune."""
