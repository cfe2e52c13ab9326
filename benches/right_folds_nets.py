"""Nets for `right_folds.py`: a dozen families of blocks, seeded sizes and numbers, in every float type."""
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ELEMENTS = [TensorProto.FLOAT] * 7 + [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE]
FAMILIES = ["plain", "residual", "mobile", "concat", "volume", "one axis", "upward", "mlp", "product", "squeeze", "decomposed", "forward"]


class Net:
    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)
        self.element = ELEMENTS[(seed // len(FAMILIES) + seed) % len(ELEMENTS)]
        # One in four with large biases and small variances; float16 would overflow.
        self.cold = self.element != TensorProto.FLOAT16 and self.random.integers(4) == 0
        self.nodes, self.constants, self.at, self.channels, self.axes = [], [], "x", 0, 2

    def constant(self, role, array, element=None):
        element = element or self.element
        name = f"{role}_{len(self.constants)}"
        array = numpy.asarray(array)
        kind = helper.tensor_dtype_to_np_dtype(element)
        self.constants.append(numpy_helper.from_array(array.astype(kind), name))
        return name

    def node(self, kind, inputs, outputs=1, **attributes):
        name = f"{kind}_{len(self.nodes)}"
        made = [f"{name}_out{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, made, name=name, **attributes))
        self.at = made[0]
        return made[0]

    def pick(self, *choices):
        return choices[int(self.random.integers(len(choices)))]

    def statistics(self, c):
        r = self.random
        grow = 10 ** r.uniform(0, 3.5, c) if self.cold else 1.0
        shrink = 10 ** r.uniform(-3, 0, c) if self.cold else 1.0
        gamma = r.uniform(0.3, 1.7, c) * r.choice([1, 1, 1, 1, 1, -1], c) * r.choice([1] * 11 + [1e-3], c)
        return gamma, r.standard_normal(c) * grow, r.standard_normal(c), r.uniform(0.2, 2.5, c) * shrink

    def normalization(self):
        names = [self.constant(role, a) for role, a in zip(("gamma", "beta", "mean", "variance"), self.statistics(self.channels))]
        more = {} if self.random.integers(2) else {"epsilon": float(self.pick(1e-3, 1e-2, 1e-6))}
        return self.node("BatchNormalization", [self.at, *names], **more)

    def decomposed(self):
        """A map as Mul and Add, or Sub and Div."""
        gamma, beta, mean, variance = self.statistics(self.channels)
        shape = (self.channels,) + (1,) * self.axes
        if self.random.integers(2):
            self.node("Mul", [self.at, self.constant("factor", (gamma / numpy.sqrt(variance)).reshape(shape))])
            return self.node("Add", [self.at, self.constant("shift", beta.reshape(shape))])
        self.node("Sub", [self.at, self.constant("mean", mean.reshape(shape))])
        return self.node("Div", [self.at, self.constant("deviation", numpy.sqrt(variance).reshape(shape))])

    def activation(self):
        kind = self.pick("Relu", "Relu", "Relu", "LeakyRelu", "Sigmoid", "Clip", "Tanh")
        if kind == "Clip":
            return self.node("Clip", [self.at, self.constant("low", 0.0), self.constant("high", 6.0)])
        return self.node(kind, [self.at])

    def bias(self, out, chance=2):
        if self.random.integers(chance) == 0:
            return []
        grow = 10 ** self.random.uniform(0, 3.5, out) if self.cold else 1.0
        return [self.constant("bias", self.random.standard_normal(out) * grow)]

    def convolution(self, out, kernel=3, group=1, stride=1, pad=True, dilation=1):
        shape = (out, self.channels // group) + (kernel,) * self.axes
        fan = int(numpy.prod(shape[1:]))
        w = self.constant("weight", self.random.standard_normal(shape) / numpy.sqrt(fan))
        each = dilation * (kernel // 2) if pad else 0
        inputs = [self.at, w, *self.bias(out)]
        self.channels = out
        lists = {"strides": stride, "pads": each, "dilations": dilation, "kernel_shape": kernel}
        spread = {k: [v] * (self.axes * (2 if k == "pads" else 1)) for k, v in lists.items()}
        return self.node("Conv", inputs, group=group, **spread)

    def transposed(self, out, kernel, group, stride=2):
        shape = (self.channels, out // group) + (kernel,) * self.axes
        w = self.constant("weight", self.random.standard_normal(shape) / numpy.sqrt(self.channels * kernel))
        inputs = [self.at, w, *self.bias(out)]
        self.channels = out
        lists = {"strides": [stride] * self.axes, "kernel_shape": [kernel] * self.axes}
        return self.node("ConvTranspose", inputs, group=group, **lists)

    def gemm(self, out):
        shape = (out, self.channels)
        turned = int(self.random.integers(2))
        w = self.random.standard_normal(shape) / numpy.sqrt(self.channels)
        w = self.constant("weight", w if turned else w.T)
        attributes = {"transB": turned}
        if self.random.integers(3) == 0:
            attributes.update(alpha=float(self.pick(0.5, 1.7)), beta=float(self.pick(2.0, 0.3)))
        inputs = [self.at, w, *self.bias(out, 4)]
        self.channels = out
        return self.node("Gemm", inputs, **attributes)

    def product(self, out):
        w = self.constant("weight", self.random.standard_normal((self.channels, out)) / numpy.sqrt(self.channels))
        self.channels = out
        self.node("MatMul", [self.at, w])
        for bias in self.bias(out):
            self.node("Add", [self.at, bias])
        return self.at

    def block(self, out, **more):
        self.convolution(out, **more)
        self.normalization()
        return self.activation()

    def body(self, family):
        depth = int(self.random.integers(4, 8))
        c = 4 * int(self.random.integers(1, 6))
        if family in ("mlp", "product"):
            for _ in range(depth + 1):
                self.gemm(c + int(self.random.integers(8))) if family == "mlp" else self.product(c)
                self.normalization()
                self.activation()
            return
        self.block(c, kernel=1)
        getattr(self, family.replace(" ", "_"))(c, depth)

    def plain(self, c, depth):
        for _ in range(depth):
            self.block(c * self.pick(1, 2), kernel=self.pick(1, 3, 5), group=self.pick(1, 2), dilation=self.pick(1, 1, 2))

    def residual(self, c, depth):
        for _ in range(depth // 2 + 1):
            skip = self.at
            self.block(c)
            self.convolution(c)
            self.normalization()
            self.node("Add", [self.at, skip])
            self.node("Relu", [self.at])

    def mobile(self, c, depth):
        for _ in range(depth // 2 + 1):
            skip = self.at
            self.block(3 * c, kernel=1)
            self.block(3 * c, group=3 * c)
            self.convolution(c, kernel=1)
            self.normalization()
            self.node("Add", [skip, self.at])

    def concat(self, c, depth):
        for _ in range(depth // 2 + 1):
            source, channels, parts = self.at, self.channels, []
            for kernel in (1, 3, 5):
                self.at, self.channels = source, channels
                parts.append(self.block(c, kernel=kernel))
            self.node("Concat", parts, axis=1)
            self.channels = 3 * c
        self.node("MaxPool", [self.at], kernel_shape=[2, 2])

    def volume(self, c, depth):
        for _ in range(depth - 2):
            self.block(c)

    def one_axis(self, c, depth):
        for _ in range(depth):
            self.block(c, kernel=self.pick(3, 5), group=self.pick(1, 2), dilation=self.pick(1, 2))

    def upward(self, c, depth):
        for index in range(3):
            self.transposed(c * self.pick(1, 2), self.pick(2, 3, 4), self.pick(1, 2), stride=2 if index < 2 else 1)
            self.normalization()
            self.activation()

    def squeeze(self, c, depth):
        for _ in range(depth // 2 + 1):
            inner = self.block(c)
            self.node("GlobalAveragePool", [inner])
            self.block(c, kernel=1)
            self.convolution(c, kernel=1)
            gate = self.node("Sigmoid", [self.at])
            self.node("Mul", [inner, gate])

    def decomposed_maps(self, c, depth):
        for _ in range(depth):
            self.convolution(c)
            self.decomposed()
            self.activation()

    def forward(self, c, depth):
        for _ in range(depth // 2 + 1):
            self.activation()
            self.normalization()
            self.convolution(c, pad=False, kernel=self.pick(1, 1, 3))
            self.normalization()
        self.activation()


def generated(seed):
    """The net of this number."""
    family = FAMILIES[seed % len(FAMILIES)]
    net = Net(seed)
    net.axes = {"one axis": 1, "volume": 3, "mlp": 0, "product": 0}.get(family, 2)
    extent = {"volume": 4, "one axis": 17, "forward": 13}.get(family, 8) + int(net.random.integers(3))
    net.channels = 4 * int(net.random.integers(1, 4))
    shape = [2 if net.axes == 0 else 1, net.channels] + [extent] * net.axes
    net.body({"decomposed": "decomposed_maps"}.get(family, family))
    value = helper.make_tensor_value_info("x", net.element, shape)
    # Only bfloat16 needs the newest operators.
    opset = 22 if net.element == TensorProto.BFLOAT16 else int(net.pick(13, 15, 17))
    out = helper.make_tensor_value_info(net.at, net.element, None)
    graph = helper.make_graph(net.nodes, f"{family}_{seed}", [value], [out], net.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10 if opset == 22 else 8)
    return onnx.shape_inference.infer_shapes(model)
