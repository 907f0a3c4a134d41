"""The text of aws-auth, read into entries: two readers, one model."""
