"""Anonymous statistics of a camera: passages by kind, in closed bins, too small counts hidden at the source."""
