"""Of the daemon's dashboard: which alerts it told, and whether they arrived."""

from grafana.board import Row
from grafana.panels import Kind, Panel, Query

TELLING = Row(
    "Alerts and notifications",
    (
        Panel(
            kind=Kind.BARS,
            title="Alerts that began and ended",
            text="Alerts of the window that began to fire or were resolved.",
            queries=[
                Query(
                    "sum by (alertname, to) "
                    "(increase(neevscale_alerts_transitions_total[$win])) > 0",
                    "{{alertname}} {{to}}",
                )
            ],
        ),
        Panel(
            kind=Kind.BARS,
            title="Notifications",
            text="Notifications delivered, and attempts that failed.",
            queries=[
                Query(
                    "sum by (receiver, event) (increase(neevscale_notifications_total[$win]))",
                    "{{receiver}} {{event}}",
                ),
                Query(
                    "sum by (receiver, reason) "
                    "(increase(neevscale_notification_failures_total[$win]))",
                    "{{receiver}} failed: {{reason}}",
                ),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Waiting and given up",
            unit="none",
            text="Notifications in the outbox, and those given up for good.",
            queries=[
                Query("neevscale_notification_queue_length", "{{receiver}} waiting"),
                Query("neevscale_notification_dead_letters", "{{receiver}} given up"),
            ],
        ),
        Panel(
            kind=Kind.LINES,
            title="Delivery p95",
            unit="s",
            text="From the change of state to the receiver's answer.",
            queries=[
                Query(
                    "histogram_quantile(0.95, sum by (receiver, le) (increase("
                    "neevscale_notification_delivery_seconds_bucket[1h])))",
                    "{{receiver}}",
                )
            ],
        ),
    ),
)
