"""Judging a policy without a cluster: the same core, on recorded or synthetic load, beside its
peers.
"""
