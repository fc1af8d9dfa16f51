"""One training step against voxelmorph 0.3.4 (torch): the same U-Net, SVF at full resolution, NCC 9 + diffusion, Adam.

    python scripts/benchmarks/step.py                  # both sizes, both programs, each in a process of its own
    python scripts/benchmarks/step.py --size 96 96 96
    python scripts/benchmarks/step.py --conditioning film   # what FiLM conditioning adds (tfregkit only)

Prints seconds per step (the fastest of the repeats), peak memory of the process and the ratios. float32.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

SIZES = [(96, 96, 96), (160, 192, 160)]
PARAMETERS = 327_331


def images(size):
    """Two smooth-ish images, the same for both programs."""
    rng = np.random.default_rng(0)
    return [rng.random((1, *size, 1), dtype=np.float32) for _ in range(2)]


def tfregkit_step(size, options):
    """A function that takes one step with tfregkit and returns the loss."""
    import keras
    import tensorflow as tf

    import tfregkit
    from tfregkit.layers import SpatialTransformer

    network = tfregkit.build("network", "voxelmorph", resolution="full", steps=7, **options)
    ncc = tfregkit.build("similarity", "ncc", window=9)
    diffusion = tfregkit.build("regularizer", "diffusion", on="displacement")
    warp = SpatialTransformer()
    optimizer = keras.optimizers.Adam(1e-4)
    moving, fixed = (tf.constant(image) for image in images(size))
    inputs = {"moving": moving, "fixed": fixed}
    if options.get("conditioning"):
        inputs["lam"] = tf.constant([[0.1]])
    network.build({name: tensor.shape for name, tensor in inputs.items()})
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=False)
    def step():
        with tf.GradientTape() as tape:
            field = network(inputs, training=True)["displacement"]
            loss = tf.reduce_mean(ncc(fixed, warp([moving, field])) + diffusion(field))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    assert options or network.count_params() == PARAMETERS
    return lambda: float(step())


def voxelmorph_step(size, _):
    """A function that takes one step with voxelmorph's and neurite's torch modules and returns the loss."""
    import neurite as ne
    import torch
    import voxelmorph as vxm

    network = torch_unet(torch)
    integrate = vxm.nn.modules.IntegrateVelocityField(steps=7)
    warp = vxm.nn.modules.SpatialTransformer()
    ncc, gradient = ne.nn.modules.NCC(), ne.nn.modules.SpatialGradient("l2")
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    moving, fixed = (torch.from_numpy(image[..., 0][:, None]) for image in images(size))

    def step():
        optimizer.zero_grad()
        field = integrate(network(moving, fixed))
        loss = -ncc(fixed, warp(moving, field)).mean() + gradient(field)
        loss.backward()
        optimizer.step()
        return float(loss)

    assert sum(p.numel() for p in network.parameters()) == PARAMETERS
    return step


def torch_unet(torch):
    """VoxelMorph's published U-Net in torch; voxelmorph 0.3.4 itself ships another one."""
    nn = torch.nn

    def block(inputs, outputs):
        return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1), nn.LeakyReLU(0.2))

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([block(2, 16), block(16, 32), block(32, 32), block(32, 32)])
            self.bottom = block(32, 32)
            self.up = nn.ModuleList([block(64, 32), block(64, 32), block(64, 32), block(48, 32)])
            self.tail = nn.Sequential(block(32, 16), block(16, 16), nn.Conv3d(16, 3, 3, padding=1))
            nn.init.normal_(self.tail[-1].weight, std=1e-5)
            self.pool, self.enlarge = nn.MaxPool3d(2), nn.Upsample(scale_factor=2)

        def forward(self, moving, fixed):
            x, skips = torch.cat([moving, fixed], 1), []
            for layer in self.down:
                skips.append(layer(x))
                x = self.pool(skips[-1])
            x = self.bottom(x)
            for layer in self.up:
                x = layer(torch.cat([self.enlarge(x), skips.pop()], 1))
            return self.tail(x)

    return UNet()


PROGRAMS = {"tfregkit": tfregkit_step, "voxelmorph": voxelmorph_step}


def measure(program, size, repeats, options):
    """Seconds of the fastest step after one warm-up, and the process's peak memory in GiB."""
    step = PROGRAMS[program](size, options)
    losses, seconds = [step()], []
    for _ in range(repeats):
        start = time.perf_counter()
        losses.append(step())
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": min(seconds), "peak_gib": peak, "losses": losses}


def in_own_process(program, size, repeats, conditioning="none"):
    """`measure` in a fresh process, so that the peaks do not mix."""
    command = [sys.executable, __file__, "--program", program, "--repeats", str(repeats), "--size", *map(str, size)]
    command += ["--conditioning", conditioning]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=3, action="append")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--program", choices=PROGRAMS, help="measure one program in this process and print JSON")
    parser.add_argument("--conditioning", choices=("none", "film", "cin"), default="none")
    arguments = parser.parse_args()
    sizes = [tuple(size) for size in arguments.size or SIZES]
    if arguments.program:
        options = {} if arguments.conditioning == "none" else {"conditioning": arguments.conditioning}
        print(json.dumps(measure(arguments.program, sizes[0], arguments.repeats, options)))
        return
    for size in sizes:
        ours = in_own_process("tfregkit", size, arguments.repeats, arguments.conditioning)
        peer = in_own_process("voxelmorph", size, arguments.repeats)
        print("x".join(map(str, size)))
        for name, result in [("tfregkit", ours), ("voxelmorph", peer)]:
            print(f"  {name:12s} {result['seconds']:7.2f} s/step   peak {result['peak_gib']:5.2f} GiB")
        print(
            f"  time ratio {peer['seconds'] / ours['seconds']:.2f}x   "
            f"memory ratio {peer['peak_gib'] / ours['peak_gib']:.2f}x"
        )


if __name__ == "__main__":
    main()
