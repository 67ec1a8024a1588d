"""Starts the endpoint, the prober and blackbox_exporter as processes, and reads their figures."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TLS = HERE.parent / "probes" / "tls"


@dataclass(frozen=True)
class Rig:
    """A running endpoint."""

    url: str
    truth: Path

    def times(self) -> dict[str, dict[str, float]]:
        """By id of the request: when it came, and when its first and last token left."""
        rows = [json.loads(line) for line in self.truth.read_text().splitlines()]
        return {row["id"]: row for row in rows}


@contextmanager
def endpoint(folder: Path, *, tls: bool = False) -> Iterator[Rig]:
    """The endpoint that knows the true times, in a process of its own."""
    truth = folder / f"truth-{'tls' if tls else 'plain'}.jsonl"
    command = [sys.executable, str(HERE / "probe_endpoint.py"), str(truth)]
    if tls:
        command.append(str(TLS / "good.pem"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        try:
            yield Rig(f"{'https' if tls else 'http'}://127.0.0.1:{port}", truth)
        finally:
            process.terminate()
            process.wait()


def probe(url: str, rate: float, seconds: float, deployments: int, *more: str) -> Any:
    """Run the prober in a process of its own; returns what it printed."""
    command = [sys.executable, str(HERE / "probe_client.py"), f"{url}/v1"]
    numbers = [str(rate), str(seconds), str(deployments)]
    done = subprocess.run(
        [*command, *numbers, *more],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return json.loads(done.stdout)


def quantile(values: Sequence[float], q: float) -> float:
    """By rank; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
