"""Make the Grafana dashboards in deploy/grafana/dashboards (docs/adr/0015-dashboards-as-code.md)."""
