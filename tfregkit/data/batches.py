"""Training batches as a pure function of (seed, step)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np

from tfregkit.data.base import Augmentation, Pair, Subject
from tfregkit.data.crops import Crops
from tfregkit.data.drawn_pairs import DrawnPairs
from tfregkit.data.others import Others
from tfregkit.data.pairs import sides
from tfregkit.data.roles import check_labels
from tfregkit.data.scans import ROLES, Role, Scans
from tfregkit.data.views import augmented, views_of
from tfregkit.errors import DataError

ORDER, AUGMENTATION, CROP = 1, 2, 3  # streams of random numbers; 4 is that of `Others`
VIEW, DRAWN, VALIDATION = 5, 6, 7

Arrays = dict[str, np.ndarray]
DrawForItem = Callable[[Arrays, np.random.Generator], Arrays]
"""See `Strategy.item`."""


class Batches:
    """Batches of training pairs. Thread-safe: `batch` keeps no state and may be called from many threads at once.

    The pairs are gone through in a new random order each epoch, or drawn (`DrawnPairs`). Which pairs batch `step` has,
    how they are augmented and where they are cropped depends on the seed and the step only, so a resumed run goes on
    exactly.

    Args:
        pairs: What to draw from.
        scans: The prepared scans.
        seed: Of the run.
        batch_size: Items of a whole batch, over all replicas.
        augmentations: Applied in order to each scan. Those with `together` change both scans of a pair alike.
        crop: Shape of the part of each augmented scan that is given, at one random place for all scans of an item,
            with `distortions` at one for each. Default: all of it. Of scans on their own grids: of the part that is
            augmented, at a place of its own.
        foreground: The share of crops of scans on their own grids that are centred on a labelled voxel.
        foreground_labels: Of which label values. Default: all but the background.
        margin: By how many voxels such crops are larger on every side while they are augmented.
        others: Whether batches also have images of people who are not in the pair.
        subjects: Whether batches also say whose images they hold.
        labels: Whether batches also have the label maps of their images; with views, -1 everywhere for scans that have
            none.
        roles: Which scans of a pair batches have.
        distortions: Of the distorted views that batches also have. Default: there are none.
        draw: Gives further arrays of an item, see `Strategy.item`.

    Raises:
        DataError: If the crop is larger than the common grid, there is no third person for `others`, or a scan has no
            label map for `labels`; with `distortions`, none has.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        scans: Scans,
        *,
        seed: int,
        batch_size: int,
        augmentations: Sequence[Augmentation] = (),
        crop: tuple[int, int, int] | None = None,
        foreground: float = 0.5,
        foreground_labels: Sequence[int] | None = None,
        margin: int = 0,
        others: bool = False,
        subjects: bool = False,
        labels: bool = False,
        roles: Sequence[Role] = ROLES,
        distortions: Sequence[Augmentation] | None = None,
        draw: DrawForItem | None = None,
    ) -> None:
        self.pairs, self.scans, self.seed, self.batch_size = pairs, scans, seed, batch_size
        self.roles = tuple(roles)
        self.augmentations, self.crop, self.foreground = list(augmentations), crop, foreground
        self.distortions, self.draw, self._labels = distortions, draw, labels
        self.foreground_labels = foreground_labels
        self._crops = Crops(crop, foreground, margin, foreground_labels) if scans.own else None
        if crop and not scans.own and any(part > whole for part, whole in zip(crop, scans.grid.shape, strict=True)):
            raise DataError(
                f"`data.crop` is larger than the common grid. Received: crop {list(crop)}, grid "
                f"{list(scans.grid.shape)}. Lower `data.crop`, or raise `data.grid.shape`."
            )
        self._others = Others(pairs, seed) if others else None
        people = sorted({scan.subject for scans in sides(pairs) for scan in scans}) if subjects else []
        self._numbers = {person: number for number, person in enumerate(people)}
        self._order = lru_cache(maxsize=2)(self._draw_order)
        if labels:
            check_labels(pairs, self.roles, some=distortions is not None)
        # The keys of all batches are the same: masks are in them if every scan of the role has one.
        self._kinds = {}
        for role, members in zip(ROLES, sides(pairs), strict=True):
            masks = ["mask"] if all(scan.mask for scan in members) else []
            self._kinds[role] = ["image", *(["labels"] if labels else []), *masks]

    def batch(self, step: int, replica: int = 0, replicas: int = 1) -> Arrays:
        """Batch number `step`, or one replica's share of it.

        Returns:
            `moving`, `fixed` `(B, X, Y, Z, 1)` float32; where all training scans of the role have them, `moving_mask`,
            `fixed_mask` float32 of the same shape; with `labels`, `moving_labels`, `fixed_labels` int32, cropped and
            augmented with the image; with `others`, `moving_others`, `fixed_others` float32: images with that role's
            normalisation and augmentations of a person who is neither of the pair's two; with `subjects`,
            `moving_subject`, `fixed_subject` `(B, 1)` int32: the number of the scan's person among all of them; with
            `distortions`, `fixed_view`, `fixed_second_view`, `moving_view` float32: the images with other intensities.
            Of these, what belongs to `roles`; and what `draw` gives.
        """
        items = self._items(step, replica, replicas)
        return {**_stack([self._item(item) for item in items]), **self._subjects(items)}

    def names(self, step: int, replica: int = 0, replicas: int = 1) -> list[str]:
        """The ids of the batch's pairs, for messages."""
        return [self._pair_at(item).id for item in self._items(step, replica, replicas)]

    def pair(self, pair: Pair, *, whole: bool = False) -> Arrays:
        """One pair as it is, whole, as a batch of one; with the labels and masks that its scans have.

        Scans on their own grids are cropped about a labelled voxel, anywhere where there is none, unless they are to be
        `whole`. Crops, views and what is drawn are the same whenever the pair is asked for.
        """
        item, arrays = (VALIDATION, zlib.crc32(pair.id.encode())), {}
        for number, role in enumerate(self.roles, start=1):
            scan = getattr(pair, role)
            volumes = self.scans.load(scan, role)
            if self._crops and not whole:
                rng = np.random.default_rng([self.seed, CROP, *item, number])
                volumes = self._crops.of_validation(volumes, self.scans.places(scan, role), rng)
            arrays |= _named(role, volumes, [*volumes, *(["labels"] if self._labels else [])])
        return _stack([self._completed(arrays, *item)])

    def _completed(self, arrays: Arrays, *item: int) -> tuple[Arrays, Arrays]:
        """An item's volumes with its views, and what is drawn for it; `item` seeds both."""
        if self.distortions is not None:
            arrays = {**arrays, **views_of(arrays, self.distortions, [self.seed, VIEW, *item])}
        return arrays, self.draw(arrays, np.random.default_rng([self.seed, DRAWN, *item])) if self.draw else {}

    def _items(self, step: int, replica: int, replicas: int) -> range:
        share, rest = divmod(self.batch_size, replicas)
        if rest:
            raise DataError(
                f"a batch of {self.batch_size} cannot be shared by {replicas} devices. Change `batch_size`."
            )
        first = step * self.batch_size + replica * share
        return range(first, first + share)

    def _subjects(self, items: range) -> dict[str, np.ndarray]:
        if not self._numbers:
            return {}
        pairs = [self._pair_at(item) for item in items]
        numbers = {role: [[self._numbers[getattr(pair, role).subject]] for pair in pairs] for role in self.roles}
        return {f"{role}_subject": np.array(found, np.int32) for role, found in numbers.items()}

    def _pair_at(self, item: int) -> Pair:
        if isinstance(self.pairs, DrawnPairs):
            return self.pairs.drawn(np.random.default_rng([self.seed, ORDER, item]))
        epoch, place = divmod(item, len(self.pairs))
        return self.pairs[int(self._order(epoch)[place])]

    def _draw_order(self, epoch: int) -> np.ndarray:
        order = np.arange(len(self.pairs), dtype=np.int32 if len(self.pairs) < 2**31 else np.int64)
        np.random.default_rng([self.seed, ORDER, epoch]).shuffle(order)
        return order

    def _item(self, item: int) -> tuple[Arrays, Arrays]:
        """The volumes `(X, Y, Z)` of one item, by their keys in the batch, and what is drawn for it."""
        pair, arrays = self._pair_at(item), {}
        wanted = [(role, getattr(pair, role), role, self._kinds[role]) for role in self.roles]
        if self._others:
            drawn = self._others.draw(pair, item)
            wanted += [(f"{role}_others", drawn[role], role, ["image"]) for role in self.roles]
        for number, (name, scan, role, kinds) in enumerate(wanted, start=1):
            place = self._place(item, number) if self.distortions is not None else self._place(item)
            volumes = self._augmented(scan, role, kinds, item, number)
            arrays |= _named(name, {kind: array[place] for kind, array in volumes.items()}, kinds)
        return self._completed(arrays, item)

    def _augmented(self, scan: Subject, role: Role, kinds: list[str], item: int, number: int) -> Arrays:
        """The scan with the item's augmentations, cropped if its grid is its own; `number` tells the scans apart."""
        loaded = self.scans.load(scan, role)
        volumes = {kind: loaded[kind] for kind in kinds if kind in loaded}
        change = partial(
            augmented, augmentations=self.augmentations, key=[self.seed, AUGMENTATION, item], number=number
        )
        if not self._crops:
            return change(volumes)
        rng = np.random.default_rng([self.seed, CROP, item, number])
        return self._crops.of_training(volumes, self.scans.places(scan, role), rng, change)

    def _place(self, *item: int) -> tuple[slice, ...]:
        """Where an item, or one scan of it, is cropped; every place inside the common grid is as likely."""
        if not self.crop or self._crops:
            return (slice(None),) * 3
        rng = np.random.default_rng([self.seed, CROP, *item])
        sizes = zip(self.scans.grid.shape, self.crop, strict=True)
        starts = [int(rng.integers(whole - part + 1)) for whole, part in sizes]
        return tuple(slice(start, start + part) for start, part in zip(starts, self.crop, strict=True))


def _named(name: str, volumes: Arrays, kinds: Sequence[str]) -> Arrays:
    """The volumes of these kinds by their keys in the batch; labels are -1 where there are none."""
    if "labels" in kinds and "labels" not in volumes:
        volumes = {**volumes, "labels": np.full(volumes["image"].shape, -1, np.int32)}
    return {name if kind == "image" else f"{name}_{kind}": volumes[kind] for kind in kinds}


def _stack(items: list[tuple[Arrays, Arrays]]) -> Arrays:
    """A batch of items that have the same keys and shapes: volumes `(B, X, Y, Z, 1)`, and what was drawn as it is."""
    batch = {}
    for key, array in items[0][0].items():
        dtype = np.int32 if key.endswith("_labels") else np.float32
        batch[key] = np.empty((len(items), *array.shape, 1), dtype)
        for i, (volumes, _) in enumerate(items):
            batch[key][i, ..., 0] = volumes[key]
    return {**batch, **{key: np.stack([drawn[key] for _, drawn in items]) for key in items[0][1]}}
