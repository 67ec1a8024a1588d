"""The emulated platform: a fleet of inference replicas, and the two HTTP planes in front of it.

`fleet`, `workload` and `faults` are pure: arithmetic on one emulator time line, no clock, no I/O.
"""
