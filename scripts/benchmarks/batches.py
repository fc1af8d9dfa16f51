"""Time of one training batch (two scans with label maps, 80x96x80), without, with each, and with all augmentations.

    python scripts/benchmarks/batches.py

`cpu` is what the loader takes from the machine, `1 thread` and `2 threads` how long training would wait for each batch
if it did nothing else. A training step of VoxelMorph on this grid takes about 0.4 s on two cores.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tfregkit.data.opening import open_data
from tfregkit.data.settings import DataSettings

AUGMENTATIONS = ["flip", "affine", "elastic", "gamma", "bias_field", "noise"]
DATA = {"dataset": {"name": "demo", "subjects": 6, "spacing": 2.0}, "grid": {"spacing": 2.0, "shape": (80, 96, 80)}}
REPEATS = 16


def measure(augmentations: list[str]) -> tuple[float, float, float]:
    """Milliseconds per batch: CPU time, elapsed on one thread, elapsed on two."""
    batches = open_data(DataSettings(**DATA, augmentations=augmentations), seed=0, batch_size=1).train
    batches.batch(0)
    cpu, begun = time.process_time(), time.perf_counter()
    for step in range(REPEATS):
        batches.batch(step)
    cpu, one = time.process_time() - cpu, time.perf_counter() - begun
    with ThreadPoolExecutor(2) as pool:
        begun = time.perf_counter()
        list(pool.map(batches.batch, range(REPEATS)))
        two = time.perf_counter() - begun
    return tuple(1000 * seconds / REPEATS for seconds in (cpu, one, two))


def main() -> None:
    print(f"{'augmentation':<14}{'cpu ms':>10}{'1 thread':>10}{'2 threads':>11}")
    for names in ([], *([name] for name in AUGMENTATIONS), AUGMENTATIONS):
        label = "all" if len(names) > 1 else names[0] if names else "none"
        print(f"{label:<14}" + "{:>10.1f}{:>10.1f}{:>11.1f}".format(*measure(names)), flush=True)


if __name__ == "__main__":
    main()
