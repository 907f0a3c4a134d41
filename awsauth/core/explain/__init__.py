"""Why a principal gets what it gets, and who gets what."""
