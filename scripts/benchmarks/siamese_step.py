"""One training step of the siamese networks beside VoxelMorph's, each in a process of its own.

    python scripts/benchmarks/siamese_step.py                      # 96^3
    python scripts/benchmarks/siamese_step.py --size 80 96 80      # three halvings: 80 is no multiple of 2 * 16

Whole steps of the trainer (strategy, objective, Adam): NCC 9 and diffusion, one way for `voxelmorph`, both ways for the
others; `clmorph` with MSE and KL. Prints seconds per step (the fastest of the repeats), the CPU seconds of that step
and the peak memory of the process, and what each has more than VoxelMorph. float32.
"""

from __future__ import annotations

from trainer_step import compiled, main, random_batch

BOTH_WAYS = {"bidirectional": True, "stitcher": None}
PROGRAMS = {
    "voxelmorph": ("voxelmorph", {}),
    "siamese, both ways": ("pc_swinmorph", {"patches": 1, **BOTH_WAYS}),
    "  in 2^3 patches": ("pc_swinmorph", {"patches": 2, **BOTH_WAYS}),
    "  stitched (pc_swinmorph)": ("pc_swinmorph", {"patches": 2}),
    "clmorph": ("clmorph", {}),
}


def prepared(program, size, batch):
    """The trainer of a network with its usual objective, and a batch."""
    import tfregkit

    name, options = PROGRAMS[program]
    if name != "clmorph":
        halvings = 4 if all(n % 32 == 0 for n in size) else 3
        filters = {"encoder_filters": [16, *[32] * (halvings - 1)], "decoder_filters": [32] * (halvings + 1) + [16, 16]}
        options = {**filters, **options}
    network = tfregkit.build("network", name, **options)
    if name == "clmorph":
        terms = {"like": tfregkit.build("similarity", "mse")}
        terms["smooth"] = tfregkit.build("regularizer", "kl", convention="clmorph")
    else:
        terms = {"like": tfregkit.build("similarity", "ncc", window=9)}
        terms["smooth"] = tfregkit.build("regularizer", "diffusion")
    if name == "pc_swinmorph":
        terms["smooth_back"] = tfregkit.build("regularizer", "diffusion", on="inverse")
    strategy = tfregkit.build("strategy", "unsupervised", symmetric=name == "pc_swinmorph")
    return compiled(network, terms, strategy), random_batch(size, batch)


if __name__ == "__main__":
    main(__doc__, "program", list(PROGRAMS), prepared, (96, 96, 96))
