"""One module an event class: a rule turns the scene of a moment into detections, or into nothing."""
