"""The five dashboards."""

from grafana.boards.cost import COST
from grafana.boards.daemon import DAEMON
from grafana.boards.decisions import DECISIONS
from grafana.boards.deployment import DEPLOYMENT
from grafana.boards.fleet import FLEET

BOARDS = (FLEET, DEPLOYMENT, COST, DECISIONS, DAEMON)

__all__ = ["BOARDS"]
