"""Recorded pasts for tests of what learns from them."""

import math

from core_world import START

from autoscaler.core.record import BIN_SECONDS, Record, recorded


def written(needs: list[float | None]) -> Record:
    record = Record()
    for number, need in enumerate(needs):
        record = recorded(record, need, at=START + BIN_SECONDS * number)
    return recorded(record, None, at=START + BIN_SECONDS * len(needs))


def daily(number: int, peak: float = 8.0) -> float:
    return 1.0 + (peak - 1.0) * 0.5 * (1.0 - math.cos(2.0 * math.pi * number / 288))
