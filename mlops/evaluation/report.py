"""An evaluation as one HTML file: figures and pictures inside, nothing fetched."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .2rem .7rem; text-align: right }
td:first-child, th:first-child { text-align: left } tr:nth-child(even) { background: #f4f4f6 }
img { max-width: 100% }
"""


def report_html(evaluation: dict[str, Any], *, model: str, data: str) -> str:
    """The page for the result of ``evaluation_measure`` (with ``speed``, if it was measured)."""
    overall = [
        {"figure": name, "value": value, "95 % interval": _interval(evaluation, name)}
        for name, value in evaluation["overall"].items()
    ]
    title = html.escape(f"{model} on {data}")
    parts = [
        f"<h1>{title}</h1><p>{evaluation['texts']} texts</p>",
        "<h2>Overall</h2>" + _table(overall),
        "<h2>Calibration</h2>" + _picture(_reliability_figure(evaluation)),
        "<h2>Labels</h2>" + _picture(_labels_figure(evaluation)) + _table(evaluation["labels"]),
        *(_rollup(name, rollup) for name, rollup in evaluation["rollups"].items()),
        "<h2>Confusion</h2><p>Of the texts with a row's label: dominant label of the model.</p>"
        + _picture(_confusion_figure(evaluation)),
        "<h2>Risk by coverage</h2>" + _picture(_risk_figure(evaluation)),
    ]
    if "speed" in evaluation:
        parts.append("<h2>Speed</h2>" + _table([evaluation["speed"]]))
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><body>{body}</body></html>\n"
    )


def _interval(evaluation: dict[str, Any], name: str) -> str:
    interval = evaluation["intervals"].get(name)
    return f"{interval[0]} to {interval[1]}" if interval else ""


def _rollup(name: str, rollup: dict[str, Any]) -> str:
    rows = [{"group": group, **values} for group, values in rollup["groups"].items()]
    figures = f"<p>macro-F1 {rollup['f1_macro']}, micro-F1 {rollup['f1_micro']}</p>"
    return f"<h2>{html.escape(name.capitalize())}</h2>{figures}{_table(rows)}"


def _table(rows: list[dict[str, Any]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    cells = (
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row.values()) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{''.join(cells)}</table>"


def _picture(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="" src="data:image/png;base64,{data}">'


def _figure(width: float, height: float) -> tuple[Any, Any]:
    # The object interface: pyplot would keep every figure alive.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def _reliability_figure(evaluation: dict[str, Any]) -> Any:
    figure, axes = _figure(5, 5)
    predicted, observed, _ = zip(*evaluation["reliability"], strict=True)
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--")
    axes.plot(predicted, observed, marker="o")
    axes.set_xlabel("mean probability")
    axes.set_ylabel("share present")
    return figure


def _labels_figure(evaluation: dict[str, Any]) -> Any:
    rows = sorted(evaluation["labels"], key=lambda row: row["f1"])
    figure, axes = _figure(7, 0.25 * len(rows) + 1)
    axes.barh([f"{row['label']} ({row['support']})" for row in rows], [row["f1"] for row in rows])
    axes.set_xlabel("F1 (support in brackets)")
    axes.set_xlim(0, 1)
    return figure


def _confusion_figure(evaluation: dict[str, Any]) -> Any:
    labels = [row["label"] for row in evaluation["labels"]]
    figure, axes = _figure(8, 8)
    axes.imshow(np.sqrt(np.array(evaluation["confusion"])), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_xlabel("dominant label of the model")
    axes.set_ylabel("label")
    return figure


def _risk_figure(evaluation: dict[str, Any]) -> Any:
    figure, axes = _figure(5, 3.5)
    coverage, risk = zip(*evaluation["risk_coverage"], strict=True)
    axes.plot(coverage, risk)
    axes.set_xlabel("share of texts answered, the most confident first")
    axes.set_ylabel("share with a wrong dominant label")
    axes.set_ylim(bottom=0)
    return figure
