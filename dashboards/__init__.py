"""Grafana dashboards, alert rules and their provisioning."""
