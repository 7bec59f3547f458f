"""The roll-up: a finished day's counts, so that a page over months reads few rows.

Never the truth: every row can be counted again from messages and replies, and is, now and then (`roll_up.py`). Holds
no text of a customer.
"""

from django.db import models


class RolledDay(models.Model):
    """A day (from midnight to midnight in `zone`) that was counted at `counted_at`."""

    day = models.DateField()
    zone = models.CharField(max_length=64)
    counted_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["zone", "day"], name="rolled_day_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.zone}"


class DaySlice(models.Model):
    """The counts of a day for one language, model version and topic. Topic "": all turns, with and without a topic."""

    rolled_day = models.ForeignKey(RolledDay, on_delete=models.CASCADE, related_name="slices")
    language = models.CharField(max_length=8, blank=True)
    model_version = models.CharField(max_length=80, blank=True)
    topic = models.CharField(max_length=100, blank=True)
    counts = models.JSONField(help_text="group -> key -> number; the groups are in counting.py")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rolled_day", "topic", "language", "model_version"], name="day_slice_once_per_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rolled_day_id} {self.language} {self.model_version} {self.topic}"


class RollUpState(models.Model):
    """One row per zone: how far the last run looked."""

    zone = models.CharField(max_length=64, primary_key=True)
    last_message_id = models.BigIntegerField(default=0)
    ran_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.zone} {self.ran_at}"
