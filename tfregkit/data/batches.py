"""Training batches as a pure function of (seed, step), and the way from settings to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np

from tfregkit.data.base import Augmentation, Pair, Split
from tfregkit.data.cache import Cache, user_cache_folder
from tfregkit.data.module import DataModule
from tfregkit.data.pairs import sides
from tfregkit.data.prepare import common_grid
from tfregkit.data.scans import Progress, Role, Scans
from tfregkit.data.settings import DataSettings
from tfregkit.errors import DataError

ROLES: tuple[Role, Role] = ("moving", "fixed")
DTYPES = {"image": np.float32, "labels": np.int32, "mask": np.float32}
ORDER, AUGMENTATION = 1, 2  # streams of random numbers


class Batches:
    """Batches of training pairs. Thread-safe: `batch` keeps no state and may be called from many threads at once.

    The pairs are gone through in a new random order each epoch. Which pairs batch `step` has, and how they are
    augmented, depends on the seed and the step only, so a resumed run goes on exactly.

    Args:
        pairs: What to draw from.
        scans: The prepared scans.
        seed: Of the run.
        batch_size: Items of a whole batch, over all replicas.
        augmentations: Applied in order to each scan. Those with `together` change both scans of a pair alike.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        scans: Scans,
        *,
        seed: int,
        batch_size: int,
        augmentations: Sequence[Augmentation] = (),
    ) -> None:
        self.pairs, self.scans, self.seed, self.batch_size = pairs, scans, seed, batch_size
        self.augmentations = list(augmentations)
        self._order = lru_cache(maxsize=2)(self._draw_order)
        # What every scan of a role has: the keys of all batches are the same.
        self._kinds = {}
        for role, subjects in zip(ROLES, sides(pairs), strict=True):
            extra = [kind for kind in ("labels", "mask") if all(getattr(scan, kind) for scan in subjects)]
            self._kinds[role] = ["image", *extra]

    def batch(self, step: int, replica: int = 0, replicas: int = 1) -> dict[str, np.ndarray]:
        """Batch number `step`, or one replica's share of it.

        Returns:
            `moving`, `fixed` `(B, X, Y, Z, 1)` float32; and where all training scans of the role have them,
            `moving_labels`, `fixed_labels` int32 and `moving_mask`, `fixed_mask` float32 of the same shape.
        """
        items = self._items(step, replica, replicas)
        return self._stack([self._augmented(step, item) for item in items], self._kinds)

    def names(self, step: int, replica: int = 0, replicas: int = 1) -> list[str]:
        """The ids of the batch's pairs, for messages."""
        return [self._pair_at(step, item).id for item in self._items(step, replica, replicas)]

    def pair(self, pair: Pair) -> dict[str, np.ndarray]:
        """One pair as it is, as a batch of one; with the labels and masks that its scans have."""
        loaded = {role: self.scans.load(getattr(pair, role), role) for role in ROLES}
        return self._stack([loaded], {role: list(loaded[role]) for role in ROLES})

    def _items(self, step: int, replica: int, replicas: int) -> range:
        share, rest = divmod(self.batch_size, replicas)
        if rest:
            raise DataError(
                f"a batch of {self.batch_size} cannot be shared by {replicas} devices. Change `batch_size`."
            )
        first = step * self.batch_size + replica * share
        return range(first, first + share)

    def _pair_at(self, step: int, item: int) -> Pair:
        epoch, place = divmod(item, len(self.pairs))
        return self.pairs[int(self._order(epoch)[place])]

    def _draw_order(self, epoch: int) -> np.ndarray:
        order = np.arange(len(self.pairs), dtype=np.int32 if len(self.pairs) < 2**31 else np.int64)
        np.random.default_rng([self.seed, ORDER, epoch]).shuffle(order)
        return order

    def _augmented(self, step: int, item: int) -> dict[Role, dict[str, np.ndarray]]:
        pair, result = self._pair_at(step, item), {}
        for number, role in enumerate(ROLES):
            loaded = self.scans.load(getattr(pair, role), role)
            volumes = {kind: loaded[kind] for kind in self._kinds[role]}
            for place, augmentation in enumerate(self.augmentations):
                stream = 0 if augmentation.together else 1 + number
                rng = np.random.default_rng([self.seed, AUGMENTATION, item, place, stream])
                volumes = augmentation(volumes, rng)
            result[role] = volumes
        return result

    def _stack(self, items: list[dict[Role, dict[str, np.ndarray]]], kinds: dict[Role, list[str]]) -> dict:
        batch = {}
        for role in ROLES:
            for kind in kinds[role]:
                key = role if kind == "image" else f"{role}_{kind}"
                batch[key] = np.empty((len(items), *self.scans.grid.shape, 1), DTYPES[kind])
                for i, item in enumerate(items):
                    batch[key][i, ..., 0] = item[role][kind]
        return batch


def open_data(
    settings: DataSettings,
    *,
    seed: int,
    batch_size: int,
    cache_dir: str | os.PathLike[str] | None = None,
    stride: int = 1,
    progress: Progress | None = None,
) -> DataModule:
    """Everything a stage trains on: splits the data set, decides the grid, prepares the scans (or finds them prepared).

    Args:
        settings: The `data` section.
        seed: Of the run: splits by shares, order of the pairs, augmentations.
        batch_size: Items of a whole batch, over all replicas.
        cache_dir: Folder for prepared scans where the settings name none. Default: the user's cache folder.
        stride: What the network needs the grid's sizes to be multiples of.
        progress: Called with (done, total) scans.

    Raises:
        DataError: Naming every file that cannot be used, before anything is trained.
    """
    split: Split = settings.dataset.build().split(seed)
    used = [sides(pairs) for pairs in (split.train, split.validation)]
    scans_used = list(dict.fromkeys(chain.from_iterable(chain.from_iterable(used))))
    grid = common_grid(scans_used, settings.grid, stride)
    folder = settings.cache or (os.fspath(cache_dir) if cache_dir else user_cache_folder() / "prepared")
    scans = Scans(settings, grid, Cache(folder))
    wanted = {(scan, role): None for both in used for role, side in zip(ROLES, both, strict=True) for scan in side}
    scans.prepare(wanted, progress)
    augmentations = [spec.build() for spec in settings.augmentations]
    train = Batches(split.train, scans, seed=seed, batch_size=batch_size, augmentations=augmentations)
    return DataModule(train, split.validation, split.test, grid)
