"""Grafana dashboards as code; `python -m grafana.generate` writes their JSON and the rules."""
