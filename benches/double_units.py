"""How far constants of a fold in double are from the exact ones, in units of roundoff, with 64 bits of mantissa (long double).

    python benches/double_units.py model.onnx folded.onnx
"""
import sys

import numpy
import onnx

from right_folds_constants import Graph, blocks

first, second = (blocks(Graph(onnx.load(path))) for path in sys.argv[1:3])
by_end = {block.end: block for block in second}


def shares(found, right, magnitude):
    """Units by which numbers are off; what is no number is off by more than all."""
    off = abs(found - right)
    return numpy.where(off == 0, 0, numpy.where(numpy.isnan(off), numpy.inf, off / (unit * magnitude)))


unit, weights, biases, beyond, count, found = 2.0**-53, 0.0, 0.0, 0, 0, 0
for block in first:
    other = by_end.get(block.end)
    if other is None or other.weight.shape != block.weight.shape:
        continue
    with numpy.errstate(all="ignore"):
        of_weights, of_biases = shares(other.weight, block.weight, abs(block.weight)), shares(other.bias, block.bias, block.sum)
    weights, biases = max(weights, float(of_weights.max())), max(biases, float(of_biases.max()))
    beyond, count, found = beyond + int((of_weights > 1).sum()), count + of_weights.size, found + 1
print(f"{found} blocks: weights up to {weights:.2f} u ({beyond:,} of {count:,} above 1 u), biases up to {biases:.2f} u·K")
