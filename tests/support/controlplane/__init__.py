"""A real EKS-like control plane on this machine: etcd, kube-apiserver, aws-iam-authenticator, and AWS played by moto.

``python -m tests.support.controlplane`` starts one to try things on; the fixtures `control_plane` and `cluster` are for tests.
"""
