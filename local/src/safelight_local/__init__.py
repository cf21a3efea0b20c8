"""A real Kubernetes and a real S3 server on one machine."""
