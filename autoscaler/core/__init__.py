"""The decision core: pure functions of frozen data. No I/O, clock, randomness, logs."""
