"""Settings to receivers of alerts and to the rules that alerts obey."""

from autoscaler.core.alerting.rules import (
    AlertOverride,
    AlertRules,
    MaintenanceWindow,
    ReceiverRule,
    Route,
)
from autoscaler.notify.config import (
    AlertmanagerConfig,
    AppriseConfig,
    ExecConfig,
    HttpOptions,
    PagerdutyConfig,
    ReceiverConfig,
    SlackBotConfig,
    SlackWebhookConfig,
    SmtpConfig,
    WebhookConfig,
)
from autoscaler.settings import (
    AlertingSettings,
    AlertmanagerSettings,
    AppriseSettings,
    ExecSettings,
    MaintenanceSettings,
    PagerdutySettings,
    ReceiverSettings,
    Settings,
    SlackSettings,
    SmtpSettings,
    WebhookSettings,
)
from autoscaler.settings.receivers import HttpReceiverSettings

LOG = "log"
"""The receiver that is always there."""


def receiver_configs(settings: Settings) -> tuple[ReceiverConfig, ...]:
    """Return what each configured receiver is told of itself."""
    return tuple(
        _receiver(name, receiver, settings.alerting)
        for name, receiver in settings.alerting.named_receivers().items()
    )


def alert_rules(settings: Settings) -> AlertRules:
    """Return the numbers and routes that alerts obey."""
    alerting = settings.alerting
    named = alerting.named_receivers()
    return AlertRules(
        receivers=(
            *(_rule(name, receiver) for name, receiver in named.items()),
            ReceiverRule(name=LOG, reminders=False),
        ),
        routes=tuple(
            Route(
                matchers=route.matchers,
                receivers=(*_names(route.receivers, named), LOG),
                proceed=route.proceed,
            )
            for route in alerting.routes
        ),
        fallback=_names(alerting.fallback, named),
        overrides={
            name: AlertOverride(
                enabled=override.enabled,
                severity=override.severity,
                for_seconds=override.for_seconds,
            )
            for name, override in alerting.overrides.items()
        },
        maintenance=tuple(
            _window(number, window) for number, window in enumerate(alerting.maintenance, 1)
        ),
        external_url=settings.web.external_url or "",
        runbook_url=alerting.runbook_url,
        group_wait_seconds=alerting.group_wait_seconds,
        reminder_seconds=alerting.reminder_seconds,
        storm_alerts=alerting.storm.alerts,
        storm_seconds=alerting.storm.within_seconds,
        **alerting.thresholds.model_dump(),
    )


def _names(wanted: tuple[str, ...], named: dict[str, ReceiverSettings]) -> tuple[str, ...]:
    """Return receivers by name; the name of a kind stands for all of that kind."""
    found = [
        name for word in wanted for name, receiver in named.items() if word in {name, receiver.kind}
    ]
    return tuple(dict.fromkeys(found))


def _rule(name: str, receiver: ReceiverSettings) -> ReceiverRule:
    return ReceiverRule(
        name=name,
        min_severity=receiver.min_severity,
        reminders=not isinstance(receiver, AlertmanagerSettings),
        changes=isinstance(receiver, PagerdutySettings) and receiver.change_events,
    )


def _window(number: int, window: MaintenanceSettings) -> MaintenanceWindow:
    return MaintenanceWindow(
        name=window.reason or f"window {number}",
        matchers=window.matchers,
        starts_at=None if window.since is None else window.since.timestamp(),
        cron=window.cron,
        timezone=window.timezone,
        duration_seconds=window.duration_seconds,
    )


def _receiver(  # noqa: PLR0911  # one a kind
    name: str, receiver: ReceiverSettings, alerting: AlertingSettings
) -> ReceiverConfig:
    match receiver:
        case AlertmanagerSettings():
            return _alertmanager(name, receiver, resend_seconds=alerting.resend_seconds)
        case WebhookSettings():
            return _webhook(name, receiver)
        case PagerdutySettings():
            return PagerdutyConfig(
                name=name,
                routing_key=receiver.routing_key,
                url=receiver.url,
                http=_http(receiver),
            )
        case SlackSettings():
            return _slack(name, receiver)
        case SmtpSettings():
            return _smtp(name, receiver)
        case ExecSettings():
            return ExecConfig(
                name=name, command=receiver.command, timeout_seconds=receiver.timeout_seconds
            )
        case AppriseSettings():
            return AppriseConfig(
                name=name, url=receiver.url, timeout_seconds=receiver.timeout_seconds
            )
    raise AssertionError(f"{type(receiver).__name__} is no kind of receiver")


def _alertmanager(
    name: str, receiver: AlertmanagerSettings, *, resend_seconds: float
) -> AlertmanagerConfig:
    return AlertmanagerConfig(
        name=name,
        urls=(receiver.url,),
        username=receiver.username,
        password=receiver.password,
        bearer_token=receiver.bearer_token,
        resend_seconds=resend_seconds,
        http=_http(receiver),
    )


def _webhook(name: str, receiver: WebhookSettings) -> WebhookConfig:
    return WebhookConfig(
        name=name,
        url=receiver.url,
        shape=receiver.shape.value,
        signing_secret=receiver.signing_secret,
        previous_signing_secret=receiver.previous_signing_secret,
        headers=receiver.headers,
        http=_http(receiver),
    )


def _slack(name: str, receiver: SlackSettings) -> SlackWebhookConfig | SlackBotConfig:
    if receiver.webhook_url is not None:
        return SlackWebhookConfig(name=name, url=receiver.webhook_url, http=_http(receiver))
    if receiver.bot_token is None or receiver.channel is None:
        raise AssertionError("the settings were checked")
    return SlackBotConfig(
        name=name,
        token=receiver.bot_token,
        channel=receiver.channel,
        url=receiver.api_url,
        http=_http(receiver),
    )


def _smtp(name: str, receiver: SmtpSettings) -> SmtpConfig:
    return SmtpConfig(
        name=name,
        host=receiver.host,
        port=receiver.port,
        tls=receiver.tls.value,
        username=receiver.username,
        password=receiver.password,
        sender=receiver.sender,
        to=receiver.to,
        ca_file=None if receiver.ca_file is None else str(receiver.ca_file),
        timeout_seconds=receiver.timeout_seconds,
    )


def _http(receiver: HttpReceiverSettings) -> HttpOptions:
    return HttpOptions(
        timeout_seconds=receiver.timeout_seconds,
        ca_file=None if receiver.ca_file is None else str(receiver.ca_file),
        allow_http=receiver.allow_http,
    )
