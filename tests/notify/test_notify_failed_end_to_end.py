"""The first alert, whole: facts, engine, one transaction, outbox, receivers."""

from helpers_alerts import fleet, subject, with_status
from helpers_notify import EPOCH, Sink, parts, serving

from autoscaler.clock import run_virtual
from autoscaler.core.alerting.engine import evaluate
from autoscaler.core.alerting.rules import AlertRules, ReceiverRule
from autoscaler.core.alerting.state import AlertsState, state_documents
from autoscaler.core.words import Status
from autoscaler.notify.alertmanager import AlertmanagerReceiver
from autoscaler.notify.config import AlertmanagerConfig, LogConfig, WebhookConfig
from autoscaler.notify.http import Http
from autoscaler.notify.log_receiver import LogReceiver
from autoscaler.notify.outbox import Outbox
from autoscaler.notify.receiver import Receiver
from autoscaler.notify.webhook import WebhookReceiver
from autoscaler.ports import Batch


def test_a_failed_deployment_reaches_webhook_alertmanager_and_log_and_so_does_its_end() -> None:
    async def story() -> None:
        seams = parts()
        async with serving(Sink()) as hook, serving(Sink()) as manager:
            http = Http(seams.clock)
            receivers: list[Receiver] = [
                WebhookReceiver(WebhookConfig(name="hook", url=lambda: hook.url), http),
                AlertmanagerReceiver(AlertmanagerConfig(name="am", urls=(manager.url,)), http),
                LogReceiver(LogConfig()),
            ]
            rules = AlertRules(
                receivers=tuple(ReceiverRule(name=name) for name in ("hook", "am", "log"))
            )
            outbox = Outbox(receivers, seams, rules=rules, http=http)
            state = AlertsState()
            looks = [
                (0, Status.READY, False),
                (15, Status.FAILED, False),
                (16, Status.FAILED, True),
                (31, Status.READY, False),
                (46, Status.READY, False),
            ]
            for at, status, confirmed in looks:
                now = EPOCH + at
                await seams.clock.sleep(now - seams.clock.now())
                facts = fleet(
                    now,
                    subject(now, deployment=with_status(status), confirmed_failed=confirmed),
                )
                outcome = evaluate(state, facts, rules)
                seams.store.commit(
                    Batch(
                        documents=state_documents(outcome.state, state),
                        notifications=outcome.notifications,
                    )
                )
                state = outcome.state
                await outbox.send_due()
                await outbox.drain()
            await outbox.close()

        told = [seen.json["status"] for seen in hook.taken]
        assert told == ["firing", "resolved"]
        assert hook.taken[0].json["alerts"][0]["labels"]["deployment"] == "chat-a"
        ends = [seen.json[0]["endsAt"] > seen.json[0]["startsAt"] for seen in manager.taken]
        assert len(ends) >= 2
        assert all(ends)
        assert seams.store.queued() == []

    run_virtual(story())
