"""The console: live map, queue, one incident with its evidence, decide."""
