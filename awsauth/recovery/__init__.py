"""Getting back into a cluster that the caller is locked out of, by way of the EKS API."""
