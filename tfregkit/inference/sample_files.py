"""A folder of deformed copies of a labelled atlas, ready to train on."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfregkit.data.base import Subject
from tfregkit.data.pairs import sides
from tfregkit.data.tables import absolute
from tfregkit.data.volume import save_image
from tfregkit.errors import DataError
from tfregkit.files import atomic_path, write_json, write_text
from tfregkit.inference import about
from tfregkit.inference.atlas import Atlas
from tfregkit.inference.inputs import readable
from tfregkit.inference.samples import Sample, check_draws, sample

if TYPE_CHECKING:
    from tfregkit.inference.registration import Registration


def training_scans(run: str | Path, role: Literal["moving", "fixed"]) -> list[Subject]:
    """The scans that a run was trained on in a role."""
    from tfregkit.training.run import Run

    experiment = Run.open(run).experiment
    moving, fixed = sides(experiment.stages[-1].data.dataset.build().split(experiment.seed).train)
    return list(moving if role == "moving" else fixed)


def write_samples(
    registration: Registration,
    atlas: Atlas,
    targets: Sequence[Subject],
    out_dir: str | Path,
    *,
    number: int,
    seed: int,
    scale: float = 1.0,
    each: Callable[[dict[str, Any]], None] | None = None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Write `<id>_image.nii.gz` and `<id>_labels.nii.gz` for each sample, `samples.csv` and `samples.json`.

    The targets are gone through in a random order, again and again if there are fewer than samples, and each sample has
    a seed of its own. Both follow from `seed`: the same call gives the same files. The folder appears when all is
    written.

    Args:
        registration: The run.
        atlas: The labelled image.
        targets: Towards which it is deformed; the atlas itself is left out.
        out_dir: The folder to write, which must not hold anything yet.
        number: How many samples.
        seed: Where the randomness comes from.
        scale: See `samples.sample`.
        each: Called with every row.
        **options: `atlas_role`, `lam`, `init`, `affine`, `progress`, as `samples.sample` takes them.

    Returns:
        The rows of `samples.csv`: `id`, `image` and `labels` (file names), `target`, `seed`, `scale`, and the
        `measures` of a `Sample`. It can be given to a data set as the table of its scans.

    Raises:
        ConfigError: When the network draws nothing, or lambda is missing or not taken.
        DataError: When an image cannot be used, there is no target, or the folder holds something.
    """
    folder = Path(out_dir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: exists already, and samples of two calls would mix. Choose another folder.")
    check_draws(registration)
    source = readable(atlas.image)
    others = [scan for scan in targets if source.path is None or scan.image != absolute(source.path)]
    if not others:
        raise DataError(f"{source.name}: there is no other image to deform it towards. Name images as targets.")
    asked = {"number": number, "seed": seed, "scale": scale, "atlas_role": options.get("atlas_role", "moving")}
    (asked["lambda"],), _ = registration.lambdas(options.get("lam"))
    order = np.random.default_rng(seed).permutation(len(others))[:number]
    seeds = np.random.SeedSequence(seed).generate_state(number).tolist()
    rows: dict[int, dict[str, Any]] = {}
    with atomic_path(folder) as aside:
        aside.mkdir()
        for place, target in enumerate(others[which] for which in order):
            places = range(place, number, len(order))
            own = [seeds[k] for k in places]
            drawn = sample(registration, atlas, target.image, own, scale=scale, target_mask=target.mask, **options)
            for k, made in zip(places, drawn, strict=True):
                names = _save(made, aside, f"sample{k + 1:04d}")
                rows[k] = {**names, "target": target.id, "seed": made.seed, "scale": scale, **made.measures}
                if each is not None:
                    each(rows[k])
        found = [rows[k] for k in sorted(rows)]
        _write_table(aside / "samples.csv", found)
        files = {"image": about.describe_image(source), "labels": about.describe_image(atlas.labels)}
        story = {"atlas": files, **asked, "run": registration.about, "versions": about.versions()}
        write_json(aside / "samples.json", story)
    return found


def _save(made: Sample, folder: Path, name: str) -> dict[str, str]:
    """Write the two files; what they are called."""
    files = {kind: f"{name}_{kind}.nii.gz" for kind in ("image", "labels")}
    for kind, file in files.items():
        save_image(getattr(made, kind), folder / file)
    return {"id": name, **files}


def _write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
