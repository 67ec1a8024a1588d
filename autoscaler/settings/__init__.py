"""The settings: a YAML file and the environment become one frozen tree, checked as a whole.

`load_settings()` reads; `Settings.policy_for(deployment)` gives the core its `Policy`.
"""

from autoscaler.settings.alerting import (
    AlertingSettings,
    AlertOverrideSettings,
    HeartbeatSettings,
    MaintenanceSettings,
    RouteSettings,
    SloRulesSettings,
    StormSettings,
    ThresholdsSettings,
)
from autoscaler.settings.cloud import CloudSettings
from autoscaler.settings.faults import Fault, SettingsInvalid
from autoscaler.settings.load import Loaded, load_settings
from autoscaler.settings.money import BudgetSettings, PriceSettings, PricesSettings
from autoscaler.settings.probing import (
    EngineMetricsSettings,
    InferenceSettings,
    IntervalsSettings,
    KeySettings,
    LivenessSettings,
    ProbeDeadlinesSettings,
    ProbeProfileSettings,
    ProbeSettings,
    PromqlQuerySettings,
    PromqlSettings,
)
from autoscaler.settings.receivers import (
    AlertmanagerSettings,
    AppriseSettings,
    ExecSettings,
    MailTls,
    PagerdutySettings,
    ReceiverSettings,
    SlackSettings,
    SmtpSettings,
    WebhookSettings,
    WebhookShape,
)
from autoscaler.settings.root import Settings
from autoscaler.settings.scaling import (
    DeploymentSettings,
    MatchSettings,
    ScalingSettings,
    ScheduleSettings,
    SloSettings,
    StepLimitSettings,
)
from autoscaler.settings.secret import Secret, SecretUnreadable
from autoscaler.settings.serving import LogFormat, LogLevel, LogSettings, StateSettings, WebSettings

__all__ = [
    "AlertOverrideSettings",
    "AlertingSettings",
    "AlertmanagerSettings",
    "AppriseSettings",
    "BudgetSettings",
    "CloudSettings",
    "DeploymentSettings",
    "EngineMetricsSettings",
    "ExecSettings",
    "Fault",
    "HeartbeatSettings",
    "InferenceSettings",
    "IntervalsSettings",
    "KeySettings",
    "LivenessSettings",
    "Loaded",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "MailTls",
    "MaintenanceSettings",
    "MatchSettings",
    "PagerdutySettings",
    "PriceSettings",
    "PricesSettings",
    "ProbeDeadlinesSettings",
    "ProbeProfileSettings",
    "ProbeSettings",
    "PromqlQuerySettings",
    "PromqlSettings",
    "ReceiverSettings",
    "RouteSettings",
    "ScalingSettings",
    "ScheduleSettings",
    "Secret",
    "SecretUnreadable",
    "Settings",
    "SettingsInvalid",
    "SlackSettings",
    "SloRulesSettings",
    "SloSettings",
    "SmtpSettings",
    "StateSettings",
    "StepLimitSettings",
    "StormSettings",
    "ThresholdsSettings",
    "WebSettings",
    "WebhookSettings",
    "WebhookShape",
    "load_settings",
]
