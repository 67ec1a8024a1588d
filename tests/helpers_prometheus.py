"""A real Prometheus that scrapes what a test serves."""

from pathlib import Path

from helpers_tools import tool

ROOT = Path(__file__).parents[1]
RULES = ROOT / "config" / "prometheus" / "rules"
CONFIG = """
global: {{scrape_interval: {scrape_seconds}s, evaluation_interval: {evaluate_seconds}s}}
rule_files: ["{rules}/*.yml"]
scrape_configs:
  - job_name: neevscale
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def prometheus_command(
    folder: Path, *, port: int, own: int, scrape_seconds: int, evaluate_seconds: int
) -> list[str]:
    """The command that scrapes 127.0.0.1:`port`, judges our rules, and answers on `own`."""
    config = folder / "prometheus.yml"
    text = CONFIG.format(
        port=port, rules=RULES, scrape_seconds=scrape_seconds, evaluate_seconds=evaluate_seconds
    )
    config.write_text(text, "utf-8")
    return [
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--log.level=error",
    ]
