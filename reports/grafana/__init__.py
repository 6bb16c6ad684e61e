"""Grafana: dashboards and alert rules as code, and the files that it is provisioned with."""
