"""What the contrastive terms add to a training step of CLMorph's network, each in a process of its own.

    python scripts/benchmarks/contrast_step.py                               # 80x96x80, one pair
    python scripts/benchmarks/contrast_step.py --size 40 48 40 --batch 8     # the batch of the paper

Whole steps of the trainer (strategy, objective, Adam) with MSE and diffusion, and one of the terms. Prints seconds per
step (the fastest of the repeats), the CPU seconds of that step, the peak memory of the process, and what each has more
than the step without contrast. float32.
"""

from __future__ import annotations

import numpy as np
from trainer_step import compiled, main, random_batch

TERMS = {
    "none": "unsupervised",
    "nt_xent": "unsupervised",
    "patch_contrast": "unsupervised",
    "byol": "momentum",
}


def prepared(term, size, batch):
    """The trainer of CLMorph's network, without its drawing, and a batch of persons of their own."""
    import tfregkit

    terms = {"like": tfregkit.build("similarity", "mse"), "smooth": tfregkit.build("regularizer", "diffusion")}
    if term != "none":
        terms["contrast"] = tfregkit.build("similarity", term)
    network = tfregkit.build("network", "clmorph", probabilistic=False)
    arrays = random_batch(size, batch)
    arrays |= {f"{role}_subject": np.arange(batch)[:, None] + i * batch for i, role in enumerate(("moving", "fixed"))}
    return compiled(network, terms, tfregkit.build("strategy", TERMS[term])), arrays


if __name__ == "__main__":
    main(__doc__, "term", list(TERMS), prepared, (80, 96, 80))
