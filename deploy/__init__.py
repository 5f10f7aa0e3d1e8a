"""What runs the shop on Kubernetes: image, manifests and a lab."""
