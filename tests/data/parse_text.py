"""Reads a model in the ONNX textual syntax from stdin and writes it as protobuf to stdout."""

import sys

import onnx.parser

sys.stdout.buffer.write(onnx.parser.parse_model(sys.stdin.read()).SerializeToString())
