"""A million predictions through recorder and writer into PostgreSQL, over three months.

DATABASE_URL names the database; its tables must exist and it needs no server beside it.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

import numpy as np  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from emotions.setup import embedded_version  # noqa: E402
from mlops.log.partitions import month_of, partition_create, partitions_list  # noqa: E402
from mlops.log.recorder import Recorder  # noqa: E402
from mlops.log.records import Caller, Document, Exposure, Request, Stages  # noqa: E402
from mlops.models import Prediction  # noqa: E402

BATCH = 10
TEXT = "Thank you so much for the help yesterday, it made all the difference to us."


def main(total: int) -> None:
    version, random = embedded_version(), np.random.default_rng(7)
    now = datetime.now(UTC)
    starts = [now - timedelta(days=61), now - timedelta(days=30), now - timedelta(hours=6)]
    for start in starts:
        partition_create(connection, month_of(start))
    # Most labels of most texts are near zero.
    scores = random.beta(0.08, 1.2, (5_000, 28)).astype("<f4")
    recorder = Recorder(settings.DATA_DIR / "soak-spool")
    users = [random.bytes(16) for _ in range(50)]
    before, started = Prediction.objects.count(), time.perf_counter()
    for number in range(total // BATCH):
        user = int(random.integers(len(users)))
        caller = Caller(
            request_id=f"{number:032x}",
            user_id=users[user],
            key_id=f"soakkey{user:05d}",
            network="192.0.2.0",
            subject_hash=random.bytes(16) if number % 4 == 0 else None,
        )
        moment = starts[number * len(starts) * BATCH // total] + timedelta(milliseconds=number * 3)
        arm = Exposure(1, 1 + number % 2) if number % 3 == 0 else Exposure()
        failed = number % 200 == 0
        documents = [
            Document(TEXT, None, status=503, error_code="queue_full")
            if failed
            else Document(TEXT, scores[(number * BATCH + n) % 5_000].tobytes(), 17, 1, 0, 0.5)
            for n in range(BATCH)
        ]
        recorder.record(
            Request(
                caller,
                version.digest,
                Stages(0.2, 2.0, 3.0),
                arm,
                moment=int(moment.timestamp() * 1000),
            ),
            documents,
        )
    spooled = time.perf_counter() - started
    print(f"{total:,} spooled in {spooled:.1f} s: {total / spooled:,.0f} a second")
    while not recorder.drain():
        time.sleep(0.1)
    stored = time.perf_counter() - started
    rows = Prediction.objects.count() - before
    print(f"{rows:,} rows stored in {stored:.1f} s: {rows / stored:,.0f} a second, one process")
    for each in partitions_list(connection, exact=True):
        print(f"  {each.name:<28} {each.rows:>10,} rows {each.size:>14,} bytes")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
