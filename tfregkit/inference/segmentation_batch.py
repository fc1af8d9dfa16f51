"""Segmenting many images: one that cannot be used is reported, the others go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfregkit.data.base import Subject
from tfregkit.errors import DataError
from tfregkit.inference.atlas import Atlas
from tfregkit.inference.outcomes import Outcome, each_on_its_own
from tfregkit.inference.registration import Registration
from tfregkit.inference.segmentation import Segmentation, segment


def segment_images(
    registration: Registration,
    scans: Sequence[Subject],
    atlases: Sequence[Atlas],
    out_dir: str | Path,
    *,
    votes: bool = False,
    each: Callable[[Outcome], None] | None = None,
    **options: Any,
) -> list[Outcome]:
    """Segment every image and write `<id>_segmentation.nii.gz` with its JSON sidecar.

    `segmentations.csv` in the same folder lists the outcomes; it is brought up to date after every image.

    Args:
        registration: The run.
        scans: The images; their masks are used where the run's normalisation looks at masks.
        atlases: The atlases.
        out_dir: The folder to write to.
        votes: Whether to write `<id>_votes.nii.gz` too: the share of the votes that each label got.
        each: Called with every outcome.
        **options: Passed on to `segment`.

    Returns:
        The outcomes, in the order of the scans. The message of one that is done names labels that the image did not
        get.

    Raises:
        DataError: When two images have the same name, or a file to be written is one of those to be read.
    """

    def label(scan: Subject) -> Segmentation:
        return segment(registration, scan.image, atlases, mask=scan.mask, **options)

    used = [file for atlas in atlases for file in (atlas.image, atlas.labels.path, atlas.mask)]
    return label_images(label, scans, out_dir, used=used, votes=votes, each=each)


def label_images(
    label: Callable[[Subject], Segmentation],
    scans: Sequence[Subject],
    out_dir: str | Path,
    *,
    used: Sequence[Any] = (),
    votes: bool = False,
    each: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """As `segment_images`, whatever gives the labels.

    Args:
        label: Labels one image.
        scans: The images.
        out_dir: The folder to write to.
        used: Other files that are read, and must not be written to.
        votes: Whether to write the votes, or probabilities, too.
        each: Called with every outcome.
    """
    folder, names = Path(out_dir), [scan.id.replace("/", "_") for scan in scans]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"two images have the same name: {twice[0]}. Name each once, or give ids (`--images`).")
    outputs = [_outputs(folder / name, votes) for name in names]
    _refuse_overwriting([path for paths in outputs for path in paths if path], scans, used)

    def work(place: int) -> str:
        found = label(scans[place])
        found.save(*outputs[place])
        lost = found.about["labels_lost"]
        return f"labels that no voxel got: {', '.join(map(str, lost))}" if lost else ""

    return each_on_its_own(names, work, folder / "segmentations.csv", "image", each)


def _outputs(stem: Path, votes: bool) -> tuple[Path, Path | None]:
    """The files of one image."""
    labels, share = (stem.with_name(f"{stem.name}_{kind}.nii.gz") for kind in ("segmentation", "votes"))
    return labels, share if votes else None


def _refuse_overwriting(outputs: Sequence[Path], scans: Sequence[Subject], used: Sequence[Any]) -> None:
    files = [*used, *(file for scan in scans for file in (scan.image, scan.mask))]
    read = {Path(file).resolve() for file in files if isinstance(file, str | Path)}
    for path in outputs:
        if path.resolve() in read:
            raise DataError(f"{path}: is an input; it would be overwritten. Choose another folder.")
