"""One training step of UNETR against MONAI's (torch): the same sizes and numbers of parameters, float32, Adam.

    python scripts/benchmarks/unetr.py                       # small, 64^3 and 96^3
    python scripts/benchmarks/unetr.py --preset base --size 96 96 96
    python scripts/benchmarks/unetr.py --remat --size 96 96 96

Encoder, decoder and a convolution to two classes, cross-entropy; each program in a process of its own. Prints
seconds and CPU seconds per step (the fastest of the repeats), peak memory of the process and the ratios.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

SIZES = [(64, 64, 64), (96, 96, 96)]
PRESETS = {
    "small": {"feature_size": 8, "hidden_size": 192, "heads": 3, "mlp_size": 768},
    "base": {"feature_size": 16, "hidden_size": 768, "heads": 12, "mlp_size": 3072},
}


def batch(size):
    """An image that is noise and two classes, the same for both programs."""
    image = np.random.default_rng(0).random((1, *size, 1), dtype=np.float32)
    return image, (image > 0.5).astype(np.int32)


def tfregkit_step(size, preset, remat):
    """A function that takes one step with tfregkit and returns the loss, and the number of parameters."""
    import keras
    import tensorflow as tf

    import tfregkit

    grid = [side // 16 for side in size]
    feature_size = preset["feature_size"]
    encoder = {"name": "unetr", "positions": grid, "remat": remat, **preset}
    decoder = {"name": "unetr", "filters": [feature_size * 2**k for k in (3, 2, 1, 0)], "remat": remat}
    network = tfregkit.build("network", "segmentation", labels=[1], encoder=encoder, decoder=decoder)
    optimizer = keras.optimizers.Adam(1e-4)
    image, classes = (tf.constant(array) for array in batch(size))
    network({"fixed": keras.KerasTensor(image.shape)})
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=False, autograph=False)
    def step():
        with tf.GradientTape() as tape:
            logits = network({"fixed": image}, training=True)["logits"]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(classes[..., 0], logits))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    return lambda: float(step()), network.count_params()


def monai_step(size, preset, remat):
    """The same with MONAI's network."""
    import torch
    import torch._dynamo  # before MONAI, which imports much that this would import in an order that crashes
    from monai.networks.nets import UNETR

    network = UNETR(1, 2, size, preset["feature_size"], preset["hidden_size"], preset["mlp_size"], preset["heads"])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    image, classes = batch(size)
    image, classes = torch.from_numpy(image[..., 0][:, None]), torch.from_numpy(classes[..., 0]).long()

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(image), classes)
        loss.backward()
        optimizer.step()
        return float(loss)

    used = [p.numel() for name, p in network.named_parameters() if "norm_cross_attn" not in name]  # these are not
    return step, sum(used)


PROGRAMS = {"tfregkit": tfregkit_step, "monai": monai_step}


def measure(program, size, preset, remat, repeats):
    """Seconds of the fastest step after one warm-up, and the process's peak memory in GiB."""
    step, parameters = PROGRAMS[program](size, PRESETS[preset], remat)
    losses, seconds, cpu = [step()], [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        losses.append(step())
        seconds.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": min(seconds), "cpu": min(cpu), "peak_gib": peak, "parameters": parameters, "losses": losses}


def in_own_process(program, arguments, size):
    """`measure` in a fresh process, so that the peaks do not mix."""
    command = [sys.executable, __file__, "--program", program, "--preset", arguments.preset]
    command += ["--repeats", str(arguments.repeats), "--size", *map(str, size)] + ["--remat"] * arguments.remat
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=3, action="append")
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--remat", action="store_true", help="recompute blocks (tfregkit only)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--program", choices=PROGRAMS, help="measure one program in this process and print JSON")
    arguments = parser.parse_args()
    sizes = [tuple(size) for size in arguments.size or SIZES]
    if arguments.program:
        print(json.dumps(measure(arguments.program, sizes[0], arguments.preset, arguments.remat, arguments.repeats)))
        return
    for size in sizes:
        found = {program: in_own_process(program, arguments, size) for program in PROGRAMS}
        ours, peer = found.values()
        print(
            f"{arguments.preset}, {'x'.join(map(str, size))}: {ours['parameters']:,}, {peer['parameters']:,} parameters"
        )
        for name, result in found.items():
            print(
                f"  {name:9s} {result['seconds']:7.2f} s/step   {result['cpu']:7.2f} CPU s   "
                f"peak {result['peak_gib']:5.2f} GiB"
            )
        ratios = ("time", "seconds"), ("CPU time", "cpu"), ("memory", "peak_gib")
        print("  " + "   ".join(f"{name} ratio {peer[key] / ours[key]:.2f}x" for name, key in ratios), flush=True)


if __name__ == "__main__":
    main()
