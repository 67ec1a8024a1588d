"""From configuration to receivers and their outbox: the one place that knows all kinds."""

from collections.abc import Sequence

from autoscaler.core.alerting.rules import AlertRules
from autoscaler.notify.alertmanager import AlertmanagerReceiver
from autoscaler.notify.apprise_receiver import AppriseReceiver
from autoscaler.notify.config import (
    AlertmanagerConfig,
    AppriseConfig,
    ExecConfig,
    LogConfig,
    PagerdutyConfig,
    ReceiverConfig,
    SlackBotConfig,
    SlackWebhookConfig,
    SmtpConfig,
    WebhookConfig,
)
from autoscaler.notify.exec_receiver import ExecReceiver
from autoscaler.notify.http import Http
from autoscaler.notify.lane import LaneParts
from autoscaler.notify.log_receiver import LogReceiver
from autoscaler.notify.outbox import Outbox
from autoscaler.notify.pagerduty import PagerdutyReceiver
from autoscaler.notify.receiver import Receiver
from autoscaler.notify.slack import SlackWebhookReceiver
from autoscaler.notify.slack_bot import SlackBotReceiver
from autoscaler.notify.smtp import SmtpReceiver
from autoscaler.notify.webhook import WebhookReceiver


def build_outbox(
    configs: Sequence[ReceiverConfig], parts: LaneParts, *, rules: AlertRules
) -> Outbox:
    """Return the outbox over these receivers; the log is added where no config names one."""
    http = Http(parts.clock)
    known = list(configs)
    if not any(isinstance(config, LogConfig) for config in known):
        known.append(LogConfig())
    receivers = [build_receiver(config, http) for config in known]
    return Outbox(receivers, parts, rules=rules, http=http)


def build_receiver(config: ReceiverConfig, http: Http) -> Receiver:  # noqa: PLR0911  # one a kind
    """Return the receiver of one configuration."""
    match config:
        case AlertmanagerConfig():
            return AlertmanagerReceiver(config, http)
        case WebhookConfig():
            return WebhookReceiver(config, http)
        case PagerdutyConfig():
            return PagerdutyReceiver(config, http)
        case SlackWebhookConfig():
            return SlackWebhookReceiver(config, http)
        case SlackBotConfig():
            return SlackBotReceiver(config, http)
        case SmtpConfig():
            return SmtpReceiver(config)
        case ExecConfig():
            return ExecReceiver(config)
        case AppriseConfig():
            return AppriseReceiver(config)
        case LogConfig():
            return LogReceiver(config)
