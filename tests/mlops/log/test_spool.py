"""The spool's files: whole frames come back, torn ones do not, nobody's file is taken"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops.log.spool import Spool, frame, frames_read, segments_adopt, spool_files


def test_it_works(tmp_path):
    spool = Spool(tmp_path, "live")
    spool.append(b"one")
    spool.append(b"two")
    segment = spool.seal()
    assert list(segment.frames()) == [b"one", b"two"]
    segment.discard()
    assert spool_files(tmp_path) == []
    assert spool.seal() is None


@pytest.mark.parametrize("cut", range(1, len(frame(b"the last")), 3))
def test_a_torn_tail_costs_nothing_but_itself(cut):
    data = frame(b"first") + frame(b"second") + frame(b"the last")
    assert list(frames_read(data[:-cut])) == [b"first", b"second"]


def test_a_damaged_frame_is_stepped_over():
    middle = bytearray(frame(b"second"))
    middle[-1] ^= 1
    assert list(frames_read(frame(b"first") + bytes(middle) + frame(b"third"))) == [
        b"first",
        b"third",
    ]


WRITER = """
import sys, time
from pathlib import Path
from mlops.log.spool import Spool
spool = Spool(Path(sys.argv[1]), "live")
number = 0
while True:
    spool.append(b"%d" % number)
    print(number, flush=True)
    number += 1
"""


def test_what_a_killed_process_had_written_is_adopted_whole(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    for _ in range(500):
        process.stdout.readline()
    assert segments_adopt(tmp_path) == []  # it lives: its file is its own
    process.send_signal(signal.SIGKILL)
    told = 499 + len(process.stdout.read().split())
    process.stdout.close()
    process.wait()
    (segment,) = segments_adopt(tmp_path)
    frames = list(segment.frames())
    assert frames[: told + 1] == [b"%d" % number for number in range(told + 1)]
    assert segments_adopt(tmp_path) == []  # ours now
    segment.discard()


def test_a_full_disk_leaves_whole_frames(tmp_path):
    spool = Spool(tmp_path, "live")
    spool.append(b"kept")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (spool.size + 20, before[1]))
    try:
        for _ in range(2):  # cut short first, refused at once after
            with pytest.raises(OSError, match=r"full|large"):
                spool.append(b"x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    spool.append(b"after")
    segment = spool.seal()
    assert list(segment.frames()) == [b"kept", b"after"]
    segment.discard()


def test_a_fork_begins_a_file_of_its_own(tmp_path):
    spool = Spool(tmp_path, "live")
    spool.append(b"parent")
    child = os.fork()
    if not child:
        spool.append(b"child")
        os._exit(0)
    os.waitpid(child, 0)
    (orphan,) = segments_adopt(tmp_path)
    assert list(orphan.frames()) == [b"child"]
    orphan.discard()
    segment = spool.seal()
    assert list(segment.frames()) == [b"parent"]
    segment.discard()


def test_an_append_is_one_write_and_no_wait_for_the_disk(tmp_path):
    """Counted, not timed: tests/soak/log_cost.py shows the microseconds."""
    spool = Spool(tmp_path, "live")
    spool.append(b"the first opens the file")
    called: list[str] = []

    def note(_: object, event: str, function: Any) -> None:
        if event == "c_call":
            called.append(function.__name__)

    sys.setprofile(note)
    try:
        spool.append(b"x" * 300)
    finally:
        sys.setprofile(None)
    assert called.count("write") == 1
    assert not {"fsync", "fdatasync", "sync", "open", "flush", "sleep"} & set(called)
    spool.seal().discard()
