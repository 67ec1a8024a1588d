"""Daemon: whether the watcher itself is well."""

from grafana.board import Board, Row
from grafana.boards.telling import TELLING
from grafana.panels import Kind, Panel, Query

_JOB = 'job="neevscale"'

_NOW = Row(
    "Now",
    (
        Panel(
            kind=Kind.STAT,
            title="Up",
            width=3,
            height=4,
            words={"0": ("down", "red"), "1": ("up", "green")},
            text="Whether Prometheus can scrape the daemon.",
            queries=[Query(f"up{{{_JOB}}}")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Mode",
            width=3,
            height=4,
            text="Active: some deployment may be scaled. Advisory: it only recommends.",
            queries=[Query("neevscale_mode == 1", "{{mode}}")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Version",
            width=4,
            height=4,
            unit="none",
            text="The version that runs.",
            queries=[Query("neevscale_build_info", "{{version}}")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Runs for",
            width=3,
            height=4,
            unit="s",
            text="Time since the daemon started.",
            queries=[Query("time() - neevscale_start_timestamp_seconds")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Configuration",
            width=4,
            height=4,
            words={"0": ("old one in force", "red"), "1": ("in force", "green")},
            text="Whether the last reload took effect.",
            queries=[Query("neevscale_config_last_reload_successful")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Warnings",
            width=3,
            height=4,
            decimals=0,
            bad_above=(1, 10),
            text="Warnings that the page shows on top.",
            queries=[Query("neevscale_warnings")],
        ),
        Panel(
            kind=Kind.STAT,
            title="Access token ends in",
            width=4,
            height=4,
            unit="s",
            text="Until the access token expires; it is renewed before. Empty where unknown.",
            queries=[
                Query(
                    "min by (credential) (neevscale_credential_expiry_timestamp_seconds) - time()"
                )
            ],
        ),
    ),
)

_LOOP = Row(
    "Loop and jobs",
    (
        Panel(
            kind=Kind.LINES,
            title="Lateness p99",
            unit="s",
            text="How late the event loop and the probes start: lateness spoils latencies.",
            queries=[
                Query(
                    "histogram_quantile(0.99, sum by (le) (rate("
                    "neevscale_event_loop_lag_seconds_bucket[$__rate_interval])))",
                    "event loop",
                ),
                Query(
                    "histogram_quantile(0.99, sum by (le) (rate("
                    "neevscale_probe_schedule_lag_seconds_bucket[$win])))",
                    "probes",
                ),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Age of each job's last success",
            unit="s",
            text="A line that climbs is a job that stands.",
            queries=[Query("time() - neevscale_job_last_success_timestamp_seconds", "{{task}}")],
        ),
        Panel(
            kind=Kind.BARS,
            title="Jobs missed and failed",
            text="Runs of the window that were skipped, and that failed.",
            queries=[
                Query(
                    "sum by (task) (increase(neevscale_job_missed_total[$win]))", "missed {{task}}"
                ),
                Query(
                    "sum by (task) (increase(neevscale_job_failures_total[$win]))",
                    "failed {{task}}",
                ),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="How long jobs take p95",
            unit="s",
            text="Run time of each job.",
            queries=[
                Query(
                    "histogram_quantile(0.95, sum by (task, le) (rate("
                    "neevscale_job_duration_seconds_bucket[$win])))",
                    "{{task}}",
                )
            ],
        ),
    ),
)

_PLATFORM = Row(
    "Platform",
    (
        Panel(
            kind=Kind.STACK,
            title="Requests to the platform",
            unit="reqps",
            text="Requests by operation and answer.",
            queries=[
                Query(
                    "sum by (operation, code) (rate(neevscale_controlplane_requests_total[$win]))",
                    "{{operation}} {{code}}",
                )
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="How long they take p95",
            unit="s",
            text="Latency of the platform's API as we see it.",
            queries=[
                Query(
                    "histogram_quantile(0.95, sum by (operation, le) (rate("
                    "neevscale_controlplane_request_duration_seconds_bucket[$win])))",
                    "{{operation}}",
                )
            ],
        ),
        Panel(
            kind=Kind.TIMELINE,
            title="Is the picture stale",
            height=5,
            words={"0": ("fresh", "green"), "1": ("stale", "red")},
            text="While stale nothing is scaled but towards bounds.",
            queries=[Query("neevscale_controlplane_stale", "platform")],
        ),
        Panel(
            kind=Kind.LINES,
            title="Certificates end in",
            unit="s",
            height=5,
            text="Until the certificates of the endpoints expire. Empty without TLS.",
            queries=[
                Query(
                    "min by (deployment) (neevscale_probe_tls_cert_expiry_timestamp_seconds) "
                    "- time()",
                    "{{deployment}}",
                )
            ],
        ),
    ),
)

_PROCESS = Row(
    "Process",
    (
        Panel(
            kind=Kind.LINES,
            title="CPU",
            unit="percentunit",
            width=8,
            text="Share of one core.",
            queries=[Query(f"rate(process_cpu_seconds_total{{{_JOB}}}[$__rate_interval])", "CPU")],
        ),
        Panel(
            kind=Kind.LINES,
            title="Memory and state",
            unit="bytes",
            width=8,
            text="Resident memory, and the size of the state file.",
            queries=[
                Query(f"process_resident_memory_bytes{{{_JOB}}}", "memory"),
                Query("neevscale_state_db_size_bytes", "state file"),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Series and file handles",
            width=8,
            text="Samples of one scrape, and open file handles over their limit.",
            queries=[
                Query(f"scrape_samples_scraped{{{_JOB}}}", "samples"),
                Query(f"process_open_fds{{{_JOB}}}", "file handles"),
            ],
        ),
        Panel(
            kind=Kind.BARS,
            title="Warnings, errors, failed writes",
            text="Log lines of the window by level, and writes of the state that failed.",
            queries=[
                Query(
                    "sum by (level) (increase("
                    'neevscale_log_messages_total{level=~"warning|error"}[$win]))',
                    "{{level}}",
                ),
                Query("increase(neevscale_state_write_failures_total[$win])", "failed writes"),
            ],
        ),
        Panel(
            kind=Kind.STACK,
            title="Requests to our own server",
            unit="reqps",
            text="Requests by kind and answer.",
            queries=[
                Query(
                    "sum by (handler, code) (rate(neevscale_http_requests_total[$win]))",
                    "{{handler}} {{code}}",
                )
            ],
        ),
    ),
)

DAEMON = Board(
    uid="daemon",
    title="Daemon",
    text="Whether the watcher itself is well: loop, jobs, platform, notifications, process.",
    rows=(_NOW, _LOOP, _PLATFORM, TELLING, _PROCESS),
    has_deployment=False,
)
