"""The command line, one module a verb; the one place that may import from anywhere."""
