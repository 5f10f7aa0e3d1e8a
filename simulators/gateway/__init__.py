"""A card gateway with an HTTP API of its own, its own books and no knowledge of its client."""
