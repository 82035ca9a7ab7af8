"""Messages on disk until the hub has acknowledged them."""
