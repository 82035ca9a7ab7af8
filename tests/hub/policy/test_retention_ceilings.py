"""What the policy says of retention is a ceiling over every purge that really runs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub.config import HubConfig
from hub.log import Retention as LogRetention
from hub.policy.basis import PolicyConfig
from hub.policy.basis import Retention as Ceiling
from hub.store.keeping import Keeping
from hub.store.retention import Retention

DAYS = st.integers(1, 3650)


@given(most=DAYS, confirmed=DAYS, unconfirmed=DAYS, delivery=DAYS)
def test_incidents_are_kept_for_the_lower_of_both(most: int, confirmed: int, unconfirmed: int, delivery: int) -> None:
    asked = Retention(confirmed_days=confirmed, unconfirmed_days=unconfirmed, delivery_days=delivery)
    policy = PolicyConfig(retention=Ceiling(incidents_days=most))
    kept = HubConfig(policy=policy, keeping=Keeping(retention=asked)).keeping.retention
    assert kept.confirmed_days == min(confirmed, most)
    assert kept.unconfirmed_days == min(unconfirmed, most)
    assert kept.delivery_days == min(delivery, most)
    assert kept.change_days == asked.change_days


@given(detections=DAYS, levels=DAYS)
def test_the_log_keeps_messages_for_the_lower_of_both(detections: int, levels: int) -> None:
    policy = PolicyConfig(retention=Ceiling(detections_days=detections, levels_days=levels))
    kept, own = HubConfig(policy=policy).log_retention, LogRetention()
    assert kept.detections_s == min(own.detections_s, detections * 86_400)
    assert kept.telemetry_s == min(own.telemetry_s, levels * 86_400)


def test_other_times_of_keeping_stay_as_they_were_told() -> None:
    kept = HubConfig(data_dir=Path("x"), keeping=Keeping(escalate_after_s=7.0)).keeping
    assert (kept.escalate_after_s, kept.expire_after_s) == (7.0, Keeping().expire_after_s)
