"""Profiles, red lines, gate, audit log, DPIA and public register."""
