"""Receivers of alerts and the outbox that sends to them: at least once, in order, never doubled."""
