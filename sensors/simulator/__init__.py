"""A city of sensors with known truth: sound propagation, rendered street scenes, clocks that drift."""
