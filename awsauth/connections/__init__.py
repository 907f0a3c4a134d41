"""From a kubeconfig or an EKS cluster's name to a transport."""
