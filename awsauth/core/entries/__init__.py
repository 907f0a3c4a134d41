"""Access entries of an EKS cluster: values, rules, changes and findings."""
