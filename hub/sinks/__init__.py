"""What goes out: InfluxDB, signed webhooks, Grafana; each fed from the outbox with a queue of its own."""
