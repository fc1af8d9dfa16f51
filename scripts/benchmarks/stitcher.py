"""What PC-SwinMorph's stitcher adds to a training step: time, arithmetic, parameters.

    python scripts/benchmarks/stitcher.py                                   # 160x160x128, the published size
    python scripts/benchmarks/stitcher.py --size 96 96 96 resolution=full   # parameters of the stitcher

The step is that of the network without a stitcher: fields both ways from 8 patches, NCC 9 and diffusion both ways,
Adam. The stitcher's part is its forward and backward pass over both fields, measured on its own, in turn with the step.
Seconds are the fastest of the repeats; CPU seconds, over all cores, suffer less from other work. FLOPs (2 for a
multiplication and an addition) are those of convolutions and matrix products in the graphs, forward and backward.
"""

from __future__ import annotations

import argparse
import math
import time

import keras
import numpy as np
import tensorflow as tf
import yaml

import tfregkit
from tfregkit.layers import SpatialTransformer


def training_step(size):
    """A function that takes one step without a stitcher."""
    network = tfregkit.build("network", "pc_swinmorph", stitcher="concat")
    ncc = tfregkit.build("similarity", "ncc", window=9)
    diffusion = tfregkit.build("regularizer", "diffusion", on="displacement")
    warp, optimizer = SpatialTransformer(), keras.optimizers.Adam(1e-3)
    rng = np.random.default_rng(0)
    moving, fixed = (tf.constant(rng.random((1, *size, 1), dtype=np.float32)) for _ in range(2))
    inputs = {"moving": moving, "fixed": fixed}
    network.build({name: image.shape for name, image in inputs.items()})
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=False, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            fields = network(inputs, training=True)
            there, back = fields["displacement"], fields["inverse"]
            losses = ncc(fixed, warp([moving, there])) + ncc(moving, warp([fixed, back]))
            loss = tf.reduce_mean(losses + diffusion(there) + diffusion(back))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    return step, network.count_params()


def stitching(size, parameters):
    """A function that stitches both fields and takes the gradient."""
    stitcher = tfregkit.build("stitcher", "swin", **parameters)
    fields = tf.constant(np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32"))
    slope = tf.constant(np.random.default_rng(1).normal(size=(2, *size, 3)).astype("float32"))
    stitcher(fields[:, :64, :64, :64], count=2)

    @tf.function(jit_compile=False, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            tape.watch(fields)
            stitched = stitcher(fields, count=2, training=True)
        return tape.gradient(stitched, [fields, *stitcher.trainable_variables], slope)[0]

    return step, stitcher.count_params()


def flops(function):
    """2 for each multiplication with its addition, of a graph's convolutions and matrix products."""
    multiplications = 0
    for op in function.get_concrete_function().graph.get_operations():
        if op.type in CONVOLUTIONS:
            coarse, kernel = (side(op).shape for side in CONVOLUTIONS[op.type])
            multiplications += math.prod(coarse) * math.prod(kernel[:-1])
        elif op.type in PRODUCTS:
            contracted = op.inputs[0].shape[-2 if op.get_attr(PRODUCTS[op.type]) else -1]
            multiplications += math.prod(op.outputs[0].shape) * contracted
    return 2 * multiplications


CONVOLUTIONS = {
    "Conv3D": (lambda op: op.outputs[0], lambda op: op.inputs[1]),
    "Conv3DBackpropInputV2": (lambda op: op.inputs[2], lambda op: op.inputs[1]),
    "Conv3DBackpropFilterV2": (lambda op: op.inputs[2], lambda op: op.outputs[0]),
}
"""The side with the kernel's last channels, and the kernel: what a convolution and its two gradients multiply."""
PRODUCTS = {"MatMul": "transpose_a", "BatchMatMulV2": "adj_x"}
"""The attribute that says whether the first factor is transposed."""


def fastest(functions, repeats):
    """The least seconds and CPU seconds of each function; they run in turn."""
    taken = {name: [] for name in functions}
    for _ in range(repeats + 1):
        for name, function in functions.items():
            clock, cpu = time.perf_counter(), time.process_time()
            function().numpy()
            taken[name].append((time.perf_counter() - clock, time.process_time() - cpu))
    return {name: tuple(map(min, zip(*times[1:], strict=True))) for name, times in taken.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parameters", nargs="*", help="of the stitcher, as window=4 resolution=full")
    parser.add_argument("--size", type=int, nargs=3, default=(160, 160, 128))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    parameters = {key: yaml.safe_load(value) for key, value in (word.split("=") for word in arguments.parameters)}
    step, weights = training_step(arguments.size)
    stitch, own = stitching(arguments.size, parameters)
    seconds = fastest({"step": step, "stitcher": stitch}, arguments.repeats)
    arithmetic = {"step": flops(step), "stitcher": flops(stitch)}
    print("x".join(map(str, arguments.size)), parameters or "")
    for name, count in (("step", weights), ("stitcher", own)):
        wall, cpu = seconds[name]
        print(
            f"  {name:8s} {wall:8.3f} s  {cpu:8.3f} CPU s  {arithmetic[name] / 1e9:9.1f} GFLOP  {count:7d} parameters"
        )
    shares = [100 * b / a for a, b in zip(seconds["step"], seconds["stitcher"], strict=True)]
    shares += [100 * arithmetic["stitcher"] / arithmetic["step"], 100 * own / weights]
    print("  share    {:7.2f} %  {:7.2f} %      {:9.2f} %     {:7.2f} %".format(*shares))


if __name__ == "__main__":
    main()
