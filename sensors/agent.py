"""Source -> analyser -> spool -> uplink: the loop that every agent shares."""
