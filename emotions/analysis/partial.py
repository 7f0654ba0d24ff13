"""The rows that are finished, kept in ``OUTPUT.partial`` so that an interruption costs nothing.

One JSON object a line: first what the run is, then a result each. The output itself appears
only when it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson


class PartialError(RuntimeError):
    """A partial file that belongs to another run."""


class Partial:
    """An append-only file of results. Use as a context manager."""

    def __init__(self, path: Path, run: dict[str, Any], *, resume: bool) -> None:
        self.path = path
        self.last_row = -1
        if resume and path.exists():
            self.last_row = self._recover(run)
            self._file = path.open("ab")
        else:
            self._file = path.open("wb")
            self._file.write(orjson.dumps(run) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, results: Iterable[dict[str, Any]]) -> None:
        """Keep *results*; they survive the end of this process."""
        self._file.write(b"".join(orjson.dumps(result) + b"\n" for result in results))
        self._file.flush()

    def results(self) -> Iterator[dict[str, Any]]:
        """All results kept so far, in order."""
        self._file.flush()
        with self.path.open("rb") as file:
            next(file)
            yield from map(orjson.loads, file)

    def _recover(self, run: dict[str, Any]) -> int:
        """The number of the last whole row; what comes after it is cut off."""
        last, end = -1, 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                if number == 0:
                    self._check(run, orjson.loads(line))
                else:
                    last = orjson.loads(line)["row"]
                end += len(line)
        with self.path.open("r+b") as file:
            file.truncate(end)
        return last

    def _check(self, run: dict[str, Any], found: dict[str, Any]) -> None:
        different = sorted(
            key for key in run.keys() | found.keys() if run.get(key) != found.get(key)
        )
        if different:
            raise PartialError(
                f"{self.path} is of another run ({', '.join(different)} differ); "
                "start again without --resume"
            )
