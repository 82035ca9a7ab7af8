"""Capture time to UTC, with its uncertainty."""
