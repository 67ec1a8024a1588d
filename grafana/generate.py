"""Writes `grafana/dashboards/*.json` and `config/prometheus/rules/*.yml` from their code.

`python -m grafana.generate` writes, `--check` says what would differ and ends with 1.
"""

import sys
from pathlib import Path

from autoscaler.web.rules import shipped_rules
from grafana.board import to_json
from grafana.boards import BOARDS

ROOT = Path(__file__).parents[1]


def outputs() -> dict[Path, str]:
    """Return every generated file and what it holds."""
    boards = {
        ROOT / "grafana" / "dashboards" / f"{board.uid}.json": to_json(board) for board in BOARDS
    }
    rules = {
        ROOT / "config" / "prometheus" / "rules" / name: text
        for name, text in shipped_rules().items()
    }
    return {**boards, **rules}


def main() -> int:
    """Write or check; returns the exit code."""
    differing = [
        path
        for path, text in outputs().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in differing:
            sys.stderr.write(f"{path.relative_to(ROOT)} differs: run python -m grafana.generate\n")
        return 1 if differing else 0
    for path in differing:
        path.write_text(outputs()[path], "utf-8")
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
