"""ONNX export of an artifact. Plain Python: no Django; run as ``python -m mlops.export``."""
