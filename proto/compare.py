#!/usr/bin/env python3
"""Compares proto/onnx.proto with the schema in the Python package onnx, field by field.

    pip install onnx
    python proto/compare.py

Reads the text here with a parser of its own (messages, enums, oneofs, fields, packed, reserved numbers), so that neither
protoc nor our own build takes part. Exit 0 if names, numbers, labels, types and packing are the same in both; otherwise
each difference is a line and the exit status is 1.
"""
import os
import re
import sys

from google.protobuf import descriptor_pb2
from onnx import onnx_ml_pb2

TOKEN = re.compile(r'"[^"]*"|[A-Za-z_][\w.]*|-?\d+|[{}=;\[\],]')
FIELD = descriptor_pb2.FieldDescriptorProto


def transcription(text):
    """Lines of facts out of a .proto text."""
    words = TOKEN.findall(re.sub(r"//[^\n]*", "", text))
    facts, at = set(), 0

    def body(path, kind):
        nonlocal at
        while words[at] != "}":
            word = words[at]
            if word in ("message", "enum", "oneof"):
                name = words[at + 1]
                at += 3
                body(path if word == "oneof" else path + [name], word)
                at += 1
            elif word == "reserved":
                end = words.index(";", at)
                what = words[at + 1 : end]
                at = end + 1
                if not what[0].startswith('"'):
                    first, last = int(what[0]), int(what[-1])
                    facts.add((".".join(path), "reserved", first, last))
            elif kind == "enum":
                facts.add((".".join(path), "value", word, int(words[at + 2])))
                at += 4
            else:
                label = "optional" if kind == "oneof" else word
                at += kind != "oneof"
                type_name, name, number = words[at], words[at + 1], int(words[at + 3])
                end = words.index(";", at)
                options = words[at + 4 : end]
                facts.add((".".join(path), "field", name, number, label, type_name.split(".")[-1], "packed" in options))
                at = end + 1

    while at < len(words):
        if words[at] in ("message", "enum"):
            name, kind = words[at + 1], words[at]
            at += 3
            body([name], kind)
            at += 1
        else:
            at = words.index(";", at) + 1
    return facts


def package():
    """The same facts out of the package's descriptor."""
    file = descriptor_pb2.FileDescriptorProto()
    onnx_ml_pb2.DESCRIPTOR.CopyToProto(file)
    facts = set()

    def enum(path, e):
        facts.update((f"{path}{e.name}", "value", v.name, v.number) for v in e.value)

    def message(path, m):
        me = f"{path}{m.name}"
        for f in m.field:
            type_name = f.type_name.split(".")[-1] if f.type_name else FIELD.Type.Name(f.type)[5:].lower()
            label = FIELD.Label.Name(f.label)[6:].lower()
            facts.add((me, "field", f.name, f.number, label, type_name, f.options.packed))
        facts.update((me, "reserved", r.start, r.end - 1) for r in m.reserved_range)
        for e in m.enum_type:
            enum(me + ".", e)
        for n in m.nested_type:
            message(me + ".", n)

    for e in file.enum_type:
        enum("", e)
    for m in file.message_type:
        message("", m)
    return facts


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ours = transcription(open(os.path.join(here, "onnx.proto"), encoding="utf-8").read())
    theirs = package()
    for side, facts in (("only here", ours - theirs), ("only in the package", theirs - ours)):
        for fact in sorted(facts, key=str):
            print(f"{side}: {fact}")
    print(f"{len(ours & theirs)} facts agree, {len(ours ^ theirs)} differ")
    return 0 if ours == theirs and ours else 1


if __name__ == "__main__":
    sys.exit(main())
