"""Tests how long a message waits that came too early."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.rows import each_row

from darkroom.pipeline.message_outcomes import RetryLater

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@each_row(
    ("left", "seconds"),
    [(-60.0, 0), (-1.0, 0), (0.0, 1), (0.2, 2), (30.0, 31), (898.0, 899), (899.0, 900), (5000.0, 900)],
)
def test_a_message_waits_until_a_second_after_its_time_and_at_most_as_long_as_the_queue_allows(
    left: float, seconds: int
) -> None:
    assert RetryLater.until(NOW + timedelta(seconds=left), NOW, "why").seconds == seconds
