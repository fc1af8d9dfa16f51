"""The propagative network beside VoxelMorph: registering a pair and one training step, each in a process of its own.

    python scripts/benchmarks/propagative_step.py                       # 160x192x224, the paper's size: 16 GB of memory
    python scripts/benchmarks/propagative_step.py --size 80 96 112

Whole steps of the trainer (strategy, objective, Adam): NCC 9 and diffusion of the velocity for VoxelMorph, as published
with the velocity at half resolution; the terms of `propagative_brain_atlas` or, where features are not drawn, those of
`propagative_brain_atlas_released` for the propagative one. Forward passes give displacement and inverse. Prints seconds
(the fastest of the repeats), the CPU seconds and the peak memory of the process, and what each has more than the first.
float32.
"""

from __future__ import annotations

from pathlib import Path

from trainer_step import compiled, main, random_batch

CONFIGS = Path(__file__).parents[2] / "configs"
PROGRAMS = {
    "voxelmorph": "voxelmorph",
    "propagative, drawn": "propagative_brain_atlas",
    "propagative": "propagative_brain_atlas_released",
    "propagative, 2 stages": "propagative_brain_atlas_2stage",
    "propagative, 4 stages": "propagative_brain_atlas_4stage",
}


def prepared(name, size, batch):
    """The trainer of a network with its usual objective, or one whose step is a forward pass, and a batch."""
    import tensorflow as tf

    program, _, what = name.partition(": ")
    network, terms, weights, views = parts(PROGRAMS[program])
    trainer = compiled(network, terms, strategy())
    trainer.objective.term_weights.update(weights)
    trainer.objective.term_views.update(views)
    if what == "forward":

        def forward(inputs):
            fields = network({role: inputs[role] for role in ("moving", "fixed")}, training=False)
            return {"loss": tf.reduce_sum(fields["displacement"]) + tf.reduce_sum(fields["inverse"])}

        trainer.train_step = forward
    return trainer, random_batch(size, batch)


def strategy():
    import tfregkit

    return tfregkit.build("strategy", "unsupervised")


def parts(name):
    """The network, terms, weights and views of VoxelMorph as published, or of a shipped configuration."""
    import tfregkit
    from tfregkit.config.experiment import load_experiment

    if name == "voxelmorph":
        terms = {"like": tfregkit.build("similarity", "ncc", window=9)}
        terms["smooth"] = tfregkit.build("regularizer", "diffusion", on="velocity")
        return tfregkit.build("network", "voxelmorph"), terms, {}, {}
    (stage,) = load_experiment(CONFIGS / f"{name}.yaml").stages
    sections = stage.objective.terms
    terms = {key: (term.similarity or term.regularizer).build() for key, term in sections.items()}
    weights = {key: term.weight for key, term in sections.items()}
    return stage.model.build(), terms, weights, {key: term.views for key, term in sections.items()}


if __name__ == "__main__":
    names = [f"{program}: {what}" for what in ("forward", "step") for program in PROGRAMS]
    main(__doc__, "program", names, prepared, (160, 192, 224))
