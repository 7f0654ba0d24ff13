"""Figures as JSON, as tables for the documentation, and as a plot."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emotions.benchmarks.figures import Suite
from emotions.placement import cores

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_PACKAGES = ("django", "granian", "onnxruntime", "tokenizers", "numpy")


def report_make(suites: Sequence[Suite]) -> dict[str, Any]:
    """Machine, versions, command and all figures."""
    report: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{n: version(n) for n in _PACKAGES}},
        "command": " ".join(["manage.py", *sys.argv[1:]]),
        "suites": [suite.as_dict() for suite in suites],
    }
    report["markdown"] = _markdown(report)
    return report


def report_write(report: dict[str, Any], path: Path) -> None:
    """Replace what stands between the two marks in *path*; the rest of the page stays.

    Raises:
        ValueError: if the marks are not there.
    """
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} holds no {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{report['markdown']}\n{END}{after}", encoding="utf-8")


def plot_write(report: dict[str, Any], path: Path) -> None:
    """A bar for each figure that has a ratio."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    rows = [
        (f"{suite['suite']}: {figure['name']}", figure["ratio"])
        for suite in report["suites"]
        for figure in suite["figures"]
        if figure["ratio"] is not None
    ]
    figure, axes = plt.subplots(figsize=(9, 1 + 0.4 * len(rows)))
    axes.barh([name for name, _ in rows], [ratio for _, ratio in rows], color="#4c72b0")
    axes.axvline(1.0, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("ratio of medians")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    flags = named.get("flags", "").split()
    extra = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in flags]
    return f"{named.get('model name', platform.processor())} ({', '.join(extra)})"


def _markdown(report: dict[str, Any]) -> str:
    machine_, versions = report["machine"], report["versions"]
    lines = [
        f"{report['measured_at'][:10]}, {machine_['cores']} cores of {machine_['processor']}, "
        f"{machine_['system']}, load {machine_['load']}; "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + f".\n\n    {report['command']}\n",
    ]
    for suite in report["suites"]:
        lines += [f"### {suite['suite']}", "", suite["note"], ""]
        lines += ["| what | unit | median (tenth to ninetieth percentile) | ratio | wanted |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [_row(figure) for figure in suite["figures"]]
        lines += [""]
    return "\n".join(lines)


def _row(figure: dict[str, Any]) -> str:
    series = "<br>".join(
        f"{name} {values['median']:g} ({values['p10']:g} to {values['p90']:g})"
        for name, values in figure["series"].items()
    )
    ratio = "" if figure["ratio"] is None else f"{figure['ratio']:.2f}"
    return f"| {figure['name']} | {figure['unit']} | {series} | {ratio} | {figure['target']} |"
