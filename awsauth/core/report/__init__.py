"""What principals may do: RBAC, access policies, and the report on access."""
