"""People: named accounts with roles, sessions, and the one table that says who may use which route."""
