"""Alerts, pure: facts in, alerts and outbox rows out. `evaluate` is the way in."""
