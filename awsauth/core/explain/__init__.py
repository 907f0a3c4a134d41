"""Why a principal has its access, and who has a group or username."""
