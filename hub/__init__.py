"""The hub: takes in detections, fuses them into located and explained incidents, asks a human, then dispatches."""
