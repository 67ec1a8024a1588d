"""Neevscale: autoscaler and health monitor for NeevCloud Dedicated Model Deployments."""

__version__ = "0.1.0"
