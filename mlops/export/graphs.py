"""From a plain fp32 graph to a fused, a half-precision or an int8 one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops.export.options import ExportOptions, ExportOptionsError, Optimization
from mlops.export.outliers import outliers_tame
from mlops.export.padding import padding_skip
from mlops.export.pairs import pairs_fit
from mlops.export.simplify import graph_simplify


def graph_finish(
    plain: Path,
    path: Path,
    options: ExportOptions,
    config: Any,
    *,
    windows: Sequence[Sequence[int]],
    longest: int,
) -> bool:
    """Turn the fp32 graph *plain* into what *options* ask for, at *path*.

    *windows* are token ids of texts that show int8 how large its inputs become; *longest* is the
    length of a full one.

    Returns:
        Whether it is int8 whose sums no processor cuts off.

    Raises:
        ExportOptionsError: for an architecture whose layers ONNX Runtime cannot fuse.
    """
    if options.optimize == "none":  # fusions would not find attention any more
        graph_simplify(plain, windows, longest)
    if options.precision == "int8":
        # Quantised first. The other order stops at type inference (fused nodes of ONNX Runtime's
        # own domain have no types there), and where it works it is not faster.
        if options.optimize == "none":
            padding_skip(plain, windows)
        outliers_tame(plain, windows)
        _quantize(plain, path)
        exact = pairs_fit(path, plain)
        if options.optimize != "none":
            shutil.move(_optimized(path, options.optimize, config), path)
        return exact
    graph = plain if options.optimize == "none" else _optimized(plain, options.optimize, config)
    if options.precision == "fp16" and options.optimize != "O4":
        _halve(graph, path)
    else:
        shutil.move(graph, path)
    return False


def _quantize(plain: Path, path: Path) -> None:
    """Dynamic int8: per channel, MatMul with constant weights and embedding look-ups only.

    Products of two activations (attention) stay in fp32: quantising them costs accuracy and
    gains nothing. Neither does it for rows that are only moved.

    Weights are signed on every machine, which is what all processors compute fastest.
    """
    import onnx
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    graph = onnx.load(plain).graph
    weights = {tensor.name for tensor in graph.initializer}
    of_activations = [
        node.name
        for node in graph.node
        if (node.op_type == "MatMul" and node.input[1] not in weights)
        or (node.op_type == "Gather" and node.input[0] not in weights)
    ]
    quantizer = ORTQuantizer.from_pretrained(plain.parent, file_name=plain.name)
    saved = quantizer.quantize(
        save_dir=plain.parent,
        quantization_config=AutoQuantizationConfig.avx512_vnni(
            is_static=False,
            per_channel=True,
            operators_to_quantize=["MatMul", "Gather"],
            nodes_to_exclude=of_activations,
        ),
    )
    shutil.move(next(Path(saved).glob("*_quantized.onnx")), path)


def _optimized(plain: Path, level: Optimization, config: Any) -> Path:
    from optimum.onnxruntime import ORTOptimizer
    from optimum.onnxruntime.configuration import AutoOptimizationConfig

    folder = plain.parent / f"{plain.stem}-{level}"
    try:
        ORTOptimizer([plain], config).optimize(
            getattr(AutoOptimizationConfig, level)(), folder, file_suffix=""
        )
    except (NotImplementedError, KeyError) as error:
        raise ExportOptionsError(
            f"ONNX Runtime cannot fuse the layers of {config.model_type!r}; export without optimize"
        ) from error
    return folder / plain.name


def _halve(graph: Path, path: Path) -> None:
    """Weights and activations in half precision; token ids and logits keep their types."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(graph), keep_io_types=True), path)
