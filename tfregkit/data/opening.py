"""From a configuration's `data` section to what a stage is trained on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain

from tfregkit.data.batches import Batches, DrawForItem
from tfregkit.data.cache import Cache, user_cache_folder
from tfregkit.data.grid import check_multiples, on_voxels_of
from tfregkit.data.module import DataModule
from tfregkit.data.own_grids import OwnGrids
from tfregkit.data.pairs import sides
from tfregkit.data.prepare import common_grid
from tfregkit.data.roles import check_labels, check_own_grids, in_roles
from tfregkit.data.scans import ROLES, Progress, Role, Scans
from tfregkit.data.settings import DataSettings
from tfregkit.data.volume import read_grid


def open_data(
    settings: DataSettings,
    *,
    seed: int,
    batch_size: int,
    cache_dir: str | os.PathLike[str] | None = None,
    stride: int = 1,
    progress: Progress | None = None,
    others: bool = False,
    subjects: bool = False,
    labels: bool = False,
    roles: Sequence[Role] = ROLES,
    views: bool = False,
    draw: DrawForItem | None = None,
    foreground_labels: Sequence[int] | None = None,
) -> DataModule:
    """Everything a stage trains on: splits the data set, decides the grid, prepares the scans (or finds them prepared).

    Args:
        settings: The `data` section.
        seed: Of the run: splits by shares, order of the pairs, augmentations.
        batch_size: Items of a whole batch, over all replicas.
        cache_dir: Folder for prepared scans where the settings name none. Default: the user's cache folder.
        stride: What the network needs the sizes of the grid and of the crops to be multiples of.
        progress: Called with (done, total) scans.
        others: Whether training batches also have images of people who are not in the pair, see `Batches`.
        subjects: Whether they also say whose images they hold.
        labels: Whether they also have label maps; then, without views, every scan needs one, also those to validate
            with. The grid's voxels are those of the first scan if that has its axes and spacing.
        roles: Which scans of a pair are looked at. With one role alone, its scans come one by one, each once an epoch,
            and nothing is a pair.
        views: Whether batches, those to validate with too, also have views distorted by `settings.distortions`.
        draw: Gives further arrays of an item, see `Strategy.item`.
        foreground_labels: Which label values crops are centred on, see `Batches`.

    Raises:
        DataError: Naming every file that cannot be used, before anything is trained.
    """
    check_multiples("data.crop", settings.crop, stride)
    if settings.grid.mode == "own":
        check_own_grids(roles, views)
    split = in_roles(settings.dataset.build().split(seed), roles)
    if labels and not views:
        check_labels(split.validation, roles)
    used = [sides(pairs) for pairs in (split.train, split.validation)]
    scans_used = list(dict.fromkeys(chain.from_iterable(chain.from_iterable(used))))
    if settings.grid.mode == "own":
        grid = OwnGrids(scans_used, settings.grid, settings.crop)
    else:
        grid = common_grid(scans_used, settings.grid, stride)
        if labels:
            grid = on_voxels_of(read_grid(scans_used[0].image), grid)
    folder = settings.cache or (os.fspath(cache_dir) if cache_dir else user_cache_folder() / "prepared")
    scans = Scans(settings, grid, Cache(folder))
    augmentations = [spec.build() for spec in settings.augmentations]
    train = Batches(
        split.train,
        scans,
        seed=seed,
        batch_size=batch_size,
        augmentations=augmentations,
        crop=settings.crop,
        foreground=0.5 if settings.crop_foreground is None else settings.crop_foreground,
        foreground_labels=foreground_labels,
        margin=settings.crop_margin,
        others=others,
        subjects=subjects,
        labels=labels,
        roles=roles,
        distortions=[spec.build() for spec in settings.distortions] if views else None,
        draw=draw,
    )
    by_role = [(role, side) for both in used for role, side in zip(ROLES, both, strict=True) if role in roles]
    scans.prepare({(scan, role): None for role, side in by_role for scan in side}, progress)
    if not isinstance(grid, OwnGrids):
        return DataModule(train, split.validation, split.test, grid, split.about)
    about = "\n".join(filter(None, (split.about, grid.padding())))
    return DataModule(train, split.validation, split.test, grid.of_crops(), about)
