"""``python -m mlops.export SOURCE TARGET OPTIONS.json``: writes TARGET, prints the report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mlops.export.exporter import onnx_export
from mlops.export.options import ExportOptions
from mlops.export.parity import Texts
from mlops.inference.protocol import Progress, work_main


def main(arguments: list[str], progress: Progress) -> dict[str, Any]:
    """The report of the export that the third argument describes."""
    source, target, file = map(Path, arguments)
    wanted = json.loads(file.read_text(encoding="utf-8"))
    texts = wanted.get("texts")
    return onnx_export(
        source,
        target,
        ExportOptions(**wanted["options"]),
        tolerance=wanted["tolerance"],
        texts=Texts(Path(texts.pop("file")), **texts) if texts else None,
        progress=progress,
    )


if __name__ == "__main__":
    sys.exit(work_main(lambda progress: main(sys.argv[1:], progress)))
