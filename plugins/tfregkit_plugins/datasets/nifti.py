"""The user's own NIfTI files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from tfregkit.api import (
    PARTS,
    DataError,
    Dataset,
    Fold,
    Fraction,
    Pair,
    Pairing,
    PathPattern,
    Share,
    Split,
    Subject,
    absolute,
    check_split,
    is_pair_table,
    make_split,
    read_scans,
    read_split_pairs,
)
from tfregkit_plugins.datasets.bids import scans_of_bids
from tfregkit_plugins.datasets.globs import scans_by_pattern
from tfregkit_plugins.datasets.learn2reg import Learn2Reg

SOURCES = ("images", "table", "bids", "learn2reg")


class Nifti(Dataset):
    """3-D NIfTI files, found by exactly one of `images`, `table`, `bids` and `learn2reg`.

    Args:
        images: A pattern, `brain/s{subject}_T1.nii.gz` or `data/*.nii.gz`, with the fields `{subject}`, `{session}`
            and `{modality}`.
        labels: With `images`: the pattern of the label maps, with the same fields.
        masks: With `images`: the pattern of the masks.
        points: With `images`: the pattern of the landmark lists.
        extra_images: The pattern of further scans, which only train, such as `tfregkit sample` makes; not with a table
            of pairs or `learn2reg`.
        extra_labels: The pattern of their label maps.
        table: A CSV file of scans (column `image`) or of pairs (columns `moving`, `fixed`).
        bids: The root of a BIDS folder. Modalities are suffixes (`T1w`).
        learn2reg: A Learn2Reg `*_dataset.json`. Its validation and test pairs are used as they are.
        pairing: `unpaired`: scans of different persons. `paired`: two scans of one person. `atlas`: every scan and the
            atlas. `single`: every scan alone, for strategies that look at no pairs. Default: what the source says, else
            `unpaired`.
        moving_modality: Which scans move. Default: all.
        fixed_modality: Which scans they are registered to, or which are alone. Default: all.
        atlas: The atlas image.
        atlas_labels: Its label map.
        atlas_mask: Its mask.
        atlas_role: Whether the scans are registered to the atlas (`fixed`), or the atlas to the scans (`moving`).
        reference: With `pairing: unpaired`: the subject, one who trains, whom the scans of validation and test are
            registered to. Default: each other.
        train: Subjects who train, by name or as a share of all. Default: all who are in no other split.
        validation: Subjects for validation during training, by name or as a share of all.
        test: Subjects for the evaluation at the end, by name or as a share of all.
        fold: `[2, 5]`: the second of five folds. Everybody who is in one of the three splits is tested in one of the
            folds, which the seed draws; of the others as many validate as without folds, and the rest train. See
            `tfregkit crossval`.
        train_fraction: The share of the subjects who train that is left in, at least one, drawn by the seed; a smaller
            share's are among a larger one's. Validation and test stay as they are.
        max_validation_pairs: Validate with at most so many pairs, drawn by the seed.
        max_test_pairs: Test with at most so many pairs.
        hint: Said with every error about files that are missing or do not fit, e.g. how to get the data.
    """

    def __init__(
        self,
        *,
        images: PathPattern | None = None,
        labels: PathPattern | None = None,
        masks: PathPattern | None = None,
        points: PathPattern | None = None,
        extra_images: PathPattern | None = None,
        extra_labels: PathPattern | None = None,
        table: Path | None = None,
        bids: Path | None = None,
        learn2reg: Path | None = None,
        pairing: Pairing | None = None,
        moving_modality: str | None = None,
        fixed_modality: str | None = None,
        atlas: Path | None = None,
        atlas_labels: Path | None = None,
        atlas_mask: Path | None = None,
        atlas_role: Literal["moving", "fixed"] = "fixed",
        reference: str | int | None = None,
        train: Share = None,
        validation: Share = None,
        test: Share = None,
        fold: Fold | None = None,
        train_fraction: Fraction = 1.0,
        max_validation_pairs: PositiveInt | None = 20,
        max_test_pairs: PositiveInt | None = None,
        hint: str | None = None,
    ) -> None:
        given = {"images": images, "table": table, "bids": bids, "learn2reg": learn2reg}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise ValueError(
                f"exactly one of {', '.join(SOURCES)} must be given. Received: {', '.join(named) or 'none'}"
            )
        partners = {"labels": labels, "masks": masks, "points": points}
        if images is None and any(partners.values()):
            extra = ", ".join(name for name, value in partners.items() if value)
            raise ValueError(f"`labels`, `masks` and `points` go with `images`. Received: {extra} with {named[0]}")
        if extra_images is None and extra_labels is not None:
            raise ValueError("`extra_labels` goes with `extra_images`")
        if extra_images is not None and learn2reg is not None:
            raise ValueError("`extra_images` does not go with `learn2reg`")
        if (atlas is None) != (pairing != "atlas"):
            raise ValueError(f"`atlas` and `pairing: atlas` go together. Received: atlas={atlas}, pairing={pairing}")
        if reference is not None and (pairing or "unpaired") != "unpaired":
            raise ValueError(f"`reference` goes with `pairing: unpaired`. Received: pairing={pairing}")
        if reference is not None and learn2reg is not None:
            raise ValueError("`reference` does not go with `learn2reg`, whose validation and test pairs are its own")
        self.source, self.where = named[0], given[named[0]]
        self.partners = {"labels": labels, "mask": masks, "points": points}
        self.extra = {"images": extra_images, "labels": extra_labels}
        self.pairing, self.shares = pairing, {"train": train, "validation": validation, "test": test}
        self.parts = {"fold": fold, "train_fraction": train_fraction}
        self.divided = fold is not None or train_fraction < 1
        if self.divided and learn2reg is not None:
            raise ValueError("`fold` and `train_fraction` do not go with `learn2reg`, whose splits are its own")
        self.modalities = {"moving_modality": moving_modality, "fixed_modality": fixed_modality}
        self.atlas = {"image": atlas, "labels": atlas_labels, "mask": atlas_mask}
        self.atlas_role = atlas_role
        self.reference = reference
        self.hint = hint
        self.limits = {"max_validation_pairs": max_validation_pairs, "max_test_pairs": max_test_pairs}

    def split(self, seed: int) -> Split:
        """See `Dataset.split`."""
        try:
            return self._split(seed)
        except DataError as error:
            if self.hint is None:
                raise
            raise DataError(f"{error}\n{self.hint}") from error

    def _split(self, seed: int) -> Split:
        if self.source == "table":
            table = absolute(Path(self.where))
            return self._of_pair_table(table) if is_pair_table(table) else self._of_scan_table(table, seed)
        if self.source == "learn2reg":
            return self._of_learn2reg(Learn2Reg(absolute(Path(self.where))), seed)
        wanted = [name for name in dict.fromkeys(self.modalities.values()) if name]
        if self.source == "bids":
            scans = scans_of_bids(absolute(Path(self.where)), wanted)
        else:
            scans = scans_by_pattern(str(absolute(Path(self.where))), self.partners, wanted)
        return self._paired_up(scans, seed)

    def _paired_up(self, scans: list[Subject], seed: int, assigned: dict[str, str] | None = None) -> Split:
        return make_split(
            scans,
            seed,
            source=str(self.where),
            assigned=assigned,
            **self.shares,
            **self.parts,
            pairing=self.pairing or "unpaired",
            **self.modalities,
            atlas=self._atlas(),
            atlas_role=self.atlas_role,
            reference=self.reference,
            **self.limits,
            extra=self._extra(),
        )

    def _extra(self) -> list[Subject]:
        """Scans that only train; of the modality that is looked at."""
        if self.extra["images"] is None:
            return []
        labels = self.extra["labels"] and str(absolute(Path(self.extra["labels"])))
        found = scans_by_pattern(str(absolute(Path(self.extra["images"]))), {"labels": labels}, [])
        return [replace(scan, modality=self.modalities["fixed_modality"] or "") for scan in found]

    def _atlas(self) -> Subject | None:
        if self.atlas["image"] is None:
            return None
        for path in filter(None, self.atlas.values()):
            if not Path(path).is_file():
                raise DataError(f"{path}: there is no such file (of the atlas).")
        return Subject(id="atlas", **self.atlas)

    def _of_scan_table(self, table: Path, seed: int) -> Split:
        rows = read_scans(table)
        assigned: dict[str, str] = {}
        for scan, part in rows:
            if part and assigned.setdefault(scan.subject, part) != part:
                raise DataError(
                    f"{table}: subject `{scan.subject}` is in two splits: `{assigned[scan.subject]}` and `{part}`."
                )
        without = [scan.id for scan, _ in rows if scan.subject not in assigned]
        if assigned and without:
            raise DataError(f"{table}: `split` is given for some scans only, and not for `{without[0]}`.")
        self._refuse_shares(table, bool(assigned))
        return self._paired_up([scan for scan, _ in rows], seed, assigned or None)

    def _of_pair_table(self, table: Path) -> Split:
        rows = read_split_pairs(table)
        said = [self.pairing, self.reference, self.extra["images"], *self.modalities.values(), *self.shares.values()]
        if any(value is not None for value in said) or self.divided:
            raise DataError(
                f"{table}: is a table of pairs, so `pairing`, `reference`, modalities, splits and who else trains are "
                f"its own (column `split`: {', '.join(PARTS)}). Leave those keys out."
            )
        parts: dict[str, list[Pair]] = {part: [] for part in PARTS}
        for pair, part in rows:
            parts[part or "train"].append(pair)
        return check_split(Split(**parts), str(table))

    def _of_learn2reg(self, task: Learn2Reg, seed: int) -> Split:
        self._refuse_shares(task.path, True)
        fixed_parts = {"validation": task.pairs("registration_val"), "test": task.pairs("registration_test")}
        apart = {scan.subject for pairs in fixed_parts.values() for pair in pairs for scan in (pair.moving, pair.fixed)}
        paired = task.pairs("training_paired_images")
        if paired and self.pairing in (None, "paired"):
            train = [pair for pair in paired if not {pair.moving.subject, pair.fixed.subject} & apart]
        else:
            scans = [scan for scan in task.scans("training") if scan.subject not in apart]
            train = self._paired_up(scans, seed, {scan.subject: "train" for scan in scans}).train
        return check_split(Split(train=train, **fixed_parts), str(task.path))

    def _refuse_shares(self, source: Path, own: bool) -> None:
        said = [name for name, share in self.shares.items() if share is not None]
        if own and said:
            raise DataError(f"{source}: says itself who is in which split. Leave out: {', '.join(said)}.")
