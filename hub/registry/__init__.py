"""Sensors, sites, enrolment, credentials, health."""
