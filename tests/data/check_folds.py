"""Checks every folded model in a folder with ONNX's checker, types and shapes included. What it says of the model before the fold,
beside it, is no fault of the fold."""

import pathlib
import sys

import onnx
import onnx.shape_inference


def fault(path):
    try:
        # The checker wants outputs to have a shape, which the graphs leave open; where nothing follows, any does.
        model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
        for output in model.graph.output:
            if not output.type.tensor_type.HasField("shape"):
                output.type.tensor_type.shape.dim.add()
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker has errors of several kinds
        return str(error)
    return None


folder = pathlib.Path(sys.argv[1])
folded = sorted(folder.glob("*.folded.onnx"))
before, wrong = 0, 0
for path in folded:
    after = fault(path)
    if fault(path.with_name(path.name.replace(".folded", ""))):
        before += 1
    elif after:
        wrong += 1
        print(f"{path.name}: {after}")
print(f"{len(folded)} folded models checked, {wrong} wrong, {before} of models that the checker refuses unfolded")
sys.exit(wrong > 0 or not folded)
