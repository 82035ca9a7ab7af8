"""The sensor's key and its signatures."""
