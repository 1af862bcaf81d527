"""Alerts: which events a person is told of, and when."""
