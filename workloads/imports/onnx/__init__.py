"""ONNX files: read in a process of its own, their layers as ours, their integers where they have some.

This room alone knows the packages onnx and onnxruntime, and imports them in processes of its own (`worker`, `runtime`).
"""
