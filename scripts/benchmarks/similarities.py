"""Every similarity, forward and backward to the moved image, against public implementations: seconds and peak memory.

    python scripts/benchmarks/similarities.py                       # 96^3
    python scripts/benchmarks/similarities.py --size 160 192 160
    python scripts/benchmarks/similarities.py --only mi local_mi --rounds 5

float32, batch 1, CPU. Each program runs in a process of its own; they take turns, round by round, so that other work on
the machine slows all alike. The ratio is that of the fastest rounds. Memory is the peak above what libraries and images
take, compilation included. Peers that are not installed are left out:

    pip install monai neurite hf-deepali fireants kornia convexAdam info-nce-pytorch
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import similarity_peers

OURS = {
    "mi": {},
    "mi nmi": {"form": "nmi"},
    "mi sampled": {"sample_ratio": 0.1},
    "local_mi": {},
    "mind": {},
    "mind_ssc": {},
    "ngf": {},
    "ngf product": {"form": "product"},
    "ncc": {},
    "mse": {},
    "mae": {},
    "patch_nce": {},
    "mcr": {},
}
"""The similarity's name (its first word) and what differs from the defaults."""


def images(shape):
    """Two images that have to do with each other, `(1, X, Y, Z, 1)` in [0, 1]; a third of both is background."""
    rng = np.random.default_rng(0)
    fixed, noise = rng.random((2, 1, *shape, 1), dtype=np.float32)
    moved = (1 - fixed) ** 2 * 0.9 + 0.1 * noise
    fixed[:, : shape[0] // 3], moved[:, : shape[0] // 3] = 0, 0
    return fixed, moved


def ours(case, shape):
    """A function that computes our loss and its gradient once."""
    import tensorflow as tf

    import tfregkit

    term = tfregkit.build("similarity", case.split()[0], **OURS[case])
    fixed, moved = (tf.constant(image) for image in images(shape))
    extra = {"noise": tf.random.stateless_uniform((1, 4096), (1, 2))} if "noise" in term.needs else {}
    if case in ("patch_nce", "mcr"):
        network = tfregkit.build("network", "autoencoder")
        network.build({"moving": moved.shape, "fixed": fixed.shape})
        term.use(moving=network.extractor("moving"), fixed=network.extractor("fixed"))
        term.build(fixed.shape, moved.shape)

    @tf.function(autograph=False)
    def run(fixed, moved):
        with tf.GradientTape() as tape:
            tape.watch(moved)
            value = term(fixed, moved, **extra)
        return tape.gradient(value, moved)

    return lambda: run(fixed, moved).numpy()


def theirs(case, peer, shape):
    """The same for a peer, in torch."""
    import torch

    torch.set_num_threads(os.cpu_count())
    loss = similarity_peers.PEERS[case][peer]()
    fixed, moved = (torch.from_numpy(np.moveaxis(image, -1, 1).copy()) for image in images(shape))
    moved.requires_grad_(True)
    return lambda: torch.autograd.grad(loss(fixed, moved).sum(), moved)[0].numpy()


def worker(case, program, shape):
    """Runs once for every line of stdin and answers `[seconds, GB above the start]`."""

    def memory(key):
        return int(open("/proc/self/status").read().split(key + ":")[1].split()[0]) * 1024 / 1e9

    try:
        run = ours(case, shape) if program == "tfregkit" else theirs(case, program, shape)
    except ImportError as error:
        print(json.dumps(str(error)), flush=True)
        return
    before = memory("VmRSS")
    print(json.dumps("ready"), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(json.dumps([time.perf_counter() - start, memory("VmHWM") - before]), flush=True)


class Program:
    """A worker process."""

    def __init__(self, case, name, shape):
        command = [sys.executable, __file__, "--worker", case, name, "--size", *map(str, shape)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, **pipes)
        self.name, self.seconds, self.memory = name, [], 0.0
        self.state = self.answer()

    def answer(self):
        """The next line that is ours; None when the process is gone."""
        for line in self.process.stdout:
            try:
                return json.loads(line)
            except json.JSONDecodeError:  # what a library prints
                continue
        return None

    def turn(self):
        """One round. A process that died (of memory) takes no part any more."""
        if self.process.poll() is not None or self.state != "ready":
            return
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = self.answer()
        if found is None:
            self.state = "failed"
        else:
            self.seconds.append(found[0])
            self.memory = found[1]


def measure(case, shape, rounds, chosen):
    """The rows of one case; `chosen` are the peers wanted, or None for all."""
    peers = [name for name in similarity_peers.PEERS.get(case, {}) if chosen is None or name in chosen]
    programs = [Program(case, name, shape) for name in ("tfregkit", *peers)]
    for _ in range(rounds + 1):
        for program in programs:
            program.turn()
    for program in programs:
        program.process.stdin.close()
        program.process.wait()
    first = min(programs[0].seconds[1:], default=float("nan"))
    for program in programs:
        if len(program.seconds) <= rounds:
            print(f"| {case} | {program.name} | {program.state} | | |")
            continue
        seconds = min(program.seconds[1:])
        print(f"| {case} | {program.name} | {seconds:.3f} | {seconds / first:.1f} | {program.memory:.2f} |")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=3, default=(96, 96, 96))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(OURS), default=list(OURS))
    parser.add_argument("--peers", nargs="*", help="only these; at full size some take 10 GB")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker, tuple(options.size))
        return
    print("x".join(map(str, options.size)))
    print("| similarity | program | s | times tfregkit's | peak GB |\n|---|---|---|---|---|")
    for case in options.only:
        measure(case, tuple(options.size), options.rounds, options.peers)


if __name__ == "__main__":
    main()
