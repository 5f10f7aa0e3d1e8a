"""Builds the images of the shop, with Docker, Podman or buildah, and says what is in them."""
