"""How many replicas a need is staffed with: square-root staffing.

The scatter of arrivals grows with the root of the need, so the room above it should too (Halfin and
Whitt 1981): a share of room that keeps three replicas good wastes at thirty and fails at one. What
grows in proportion, a rising load and the estimate's own error, keeps a part in proportion. Told
the true load, rules with such room cost 1.5 points less above the clairvoyant than those with a
fixed share, at every size and cold start that was tried (docs/policy-bench.md).
"""

import math

REFERENCE = 3.0
"""Replicas of need at which the head-room is the share planned for, as it is written."""
PROPORTIONAL = 0.3
"""Part of the room that grows with the need itself."""
LEAST_NEED = 1.0
"""Need below which the share of room grows no further: half a replica's load fits into one."""


def staffed(need: float, headroom: float) -> float:
    """Replicas, unrounded, for a need at head-room 1. Worked: at 0.8, a need of 1, 3 and 16
    replicas is staffed with 1.4, 3.75 and 18.4.
    """
    root = math.sqrt(REFERENCE / max(need, LEAST_NEED))
    room = (1.0 / headroom - 1.0) * (PROPORTIONAL + (1.0 - PROPORTIONAL) * root)
    return need * (1.0 + room)
