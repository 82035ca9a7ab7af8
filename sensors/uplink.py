"""Signed batches to the hub, with back-off."""
