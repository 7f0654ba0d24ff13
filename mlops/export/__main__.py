"""``python -m mlops.export SOURCE TARGET PRECISION``: writes TARGET, prints the parity report."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mlops.export.exporter import ParityError, onnx_export
from mlops.inference.errors import ArtifactError


def main() -> int:
    """Exit status 0 when the export was written, 1 when it was refused."""
    parser = argparse.ArgumentParser(prog="python -m mlops.export", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("precision", choices=("fp32", "int8"))
    arguments = parser.parse_args()
    try:
        report = onnx_export(arguments.source, arguments.target, arguments.precision)
    except (ArtifactError, ParityError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
