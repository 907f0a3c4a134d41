"""Rules that find mistakes in a document."""
