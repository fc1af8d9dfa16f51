"""Training one stage from its first or its latest step to its last."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

import keras
from rich.console import Console

from tfregkit.backend.distribution import Distribution, open_distribution
from tfregkit.backend.loop import make_deterministic, out_of_memory, peer_lost
from tfregkit.data.opening import open_data
from tfregkit.errors import TrainingError
from tfregkit.files import atomic_path
from tfregkit.inference.windows import by_windows
from tfregkit.plugins import loaded
from tfregkit.training import parts
from tfregkit.training.batch_maker import BatchMaker
from tfregkit.training.callbacks.checkpointing import Checkpointing
from tfregkit.training.callbacks.clock import Clock
from tfregkit.training.callbacks.metrics_csv import MetricsCSV
from tfregkit.training.callbacks.non_finite import NonFiniteStop
from tfregkit.training.callbacks.progress import ProgressBar
from tfregkit.training.callbacks.tensorboard import TensorBoard
from tfregkit.training.callbacks.termination import Termination
from tfregkit.training.callbacks.validation import Validation
from tfregkit.training.checkpoint import Checkpoints, restore
from tfregkit.training.earlier import EarlierStages
from tfregkit.training.frozen import freeze
from tfregkit.training.held_out import WithHeldOut, held_out_batches
from tfregkit.training.initial import start_from
from tfregkit.training.learned import write_learned
from tfregkit.training.loader import Loader
from tfregkit.training.run import Run
from tfregkit.training.structures import left_over
from tfregkit.training.trainer import Trainer
from tfregkit.training.unused import unused_weights_told

TIMES = ["seconds", "wait", "images_per_s", "learning_rate"]


class Stage:
    """One stage of a run, ready to be fitted.

    Args:
        run: The run; of a distributed job every worker holds one, and only the chief writes to it.
        index: The stage's number, from 1.
        settings: Its section of the configuration.
        seed: Of the experiment.
        resume: Whether to go on from the latest checkpoint.
        console: Where progress goes.
    """

    def __init__(self, run: Run, index: int, settings: Any, seed: int, resume: bool, console: Console) -> None:
        self.run, self.index, self.settings, self.console = run, index, settings, console
        if settings.trainer.deterministic:
            make_deterministic()
        self.distribution: Distribution = open_distribution(settings.trainer.distribute)
        keras.utils.set_random_seed(seed + index)
        with self.distribution.scope():
            network = parts.build_network(settings.model, settings.trainer)
            self.trainer: Trainer = parts.build_trainer(settings, network, EarlierStages(run, index))
        parts.check_batch(settings, self.trainer.objective, self.distribution.replicas)
        parts.check_held_out(settings, self.trainer)
        strategy = self.trainer.strategy
        needs = {*self.trainer.objective.needs, *network.needs, *strategy.needs}
        self.data = open_data(
            settings.data,
            seed=seed,
            batch_size=settings.trainer.batch_size,
            stride=network.stride,
            others="others" in needs,
            subjects="subjects" in needs,
            labels="labels" in needs,
            roles=strategy.roles,
            views="views" in needs,
            draw=strategy.item,
            foreground_labels=None if network.structures is None else list(chain(*network.structures.values())),
        )
        if network.structures and (others := left_over(network.structures, self.data.train)):
            console.print(f"{settings.name}: background, of no structure: labels {', '.join(map(str, others))}")
        self.lam = settings.objective.lam if network.conditioned else None
        self.make = BatchMaker(self.data.train, self.distribution, self.lam, noise="noise" in needs)
        if strategy.holds_out:
            kinds = {kind: kind in {*needs, *strategy.held_out_needs} for kind in ("others", "subjects", "labels")}
            held_out = held_out_batches(self.data, settings.strategy.name, **kinds)
            seen = BatchMaker(held_out, self.distribution, self.lam)  # as in validation, nothing is drawn
            self.make = WithHeldOut(self.make, seen, strategy.held_out)
        self.checkpoints: Checkpoints = run.checkpoints(index)
        self.start = self._restore(resume)

    def fit(self) -> None:
        """Train to the last step, then write `model.keras`.

        Raises:
            TrainingError: For a non-finite loss, a full disk, no memory, or a lost worker.
            Interrupted: After SIGTERM or SIGINT; the state is saved.
        """
        trainer, stop = self.settings.trainer, self.settings.trainer.steps
        if self.start < stop:
            loader = Loader(
                lambda step: self.trainer.prepare(self.make(step), self.distribution),
                start=self.start, stop=stop, workers=self.settings.data.workers, prefetch=trainer.prefetch,
            )  # fmt: skip
            try:
                self._fit(loader, stop - self.start)
            finally:
                loader.close()
        if self.distribution.chief:
            self._finish()

    def _fit(self, loader: Loader, steps: int) -> None:
        callbacks, termination = self._callbacks(loader)
        try:
            with termination.listening(), unused_weights_told(self._tell):
                self.trainer.fit(
                    self.trainer.fit_source(loader),
                    steps_per_epoch=steps,
                    shuffle=False,
                    verbose=0,
                    callbacks=callbacks,
                )
        except Exception as error:
            raise self._explained(error) from error
        finally:
            for callback in callbacks:
                if isinstance(callback, ProgressBar):
                    callback.close()

    def _tell(self, message: str) -> None:
        self.console.print(f"{self.settings.name}: {message}", highlight=False, markup=False, soft_wrap=True)

    def _callbacks(self, loader: Loader) -> tuple[list[keras.callbacks.Callback], Termination]:
        start, trainer, folder = self.start, self.settings.trainer, self.run.stage_path(self.index)
        checkpoint = Checkpointing(
            start, trainer.steps, trainer.checkpoint_every, self.checkpoints, self._variables, self._facts()
        )
        save = checkpoint.save if self.distribution.chief else lambda step: None
        termination = Termination(start, save, alone=self.distribution.workers == 1)
        clock = Clock(start, loader, trainer.batch_size)
        finite = NonFiniteStop(start, self.data.train.names, self.checkpoints.folder)
        if not self.distribution.chief:
            return [clock, finite, termination], termination
        terms = ["loss", *self.trainer.objective.columns]
        columns = [*terms, "val_loss", "val_dice", *TIMES]
        callbacks: list[keras.callbacks.Callback] = [clock, finite]
        pairs = self.data.validation[: trainer.validation_pairs]
        if pairs:
            lam = None if self.lam is None else (trainer.validation_lambda if self.lam == "uniform" else self.lam)
            network, crop, load = self.trainer.network, self.settings.data.crop, self.data.train.pair
            parts = by_windows(network, crop) if network.structures and crop else None
            whole = load if parts is None else partial(load, whole=True)
            callbacks.append(Validation(start, trainer.steps, trainer.validate_every, pairs, whole, lam, parts))
        callbacks += [
            MetricsCSV(start, folder / "metrics.csv", columns),
            TensorBoard(start, folder / "tensorboard"),
            ProgressBar(start, trainer.steps, self.settings.name, self.console, terms),
            checkpoint,
            *_plugin_callbacks(self.run),
            termination,
        ]
        return callbacks, termination

    def _restore(self, resume: bool) -> int:
        """Create the weights, load the latest checkpoint if there is one, and return the steps done."""
        with self.distribution.scope():
            self.example = self.make.share(0, self.distribution.local[0])
            self.trainer.build_from(self.example)
            freeze(self.trainer.network, self.settings.freeze)
            self.trainer.optimizer.build(self.trainer.trainable_variables)
            steps = self.checkpoints.steps() if resume else []
            if not steps:
                start_from(self.trainer.network, self.settings.initial, EarlierStages(self.run, self.index))
                return 0
            restore(self.checkpoints.path(steps[-1]), self._variables())
        return steps[-1]

    def _variables(self) -> dict[str, list[Any]]:
        self.trainer.settle()
        return parts.variables(self.trainer)

    def _facts(self) -> dict[str, Any]:
        """The shapes the parts were built with and the grid's spacing, so that they can be used again without data."""
        shapes = {name: [1, *array.shape[1:]] for name, array in self.example.items()}
        inputs = {name: shapes[name] for name in ("moving", "fixed", "lam") if name in shapes}
        types = {name: str(array.dtype) for name, array in self.example.items()}
        return {
            "inputs": inputs,
            "batch": shapes,
            "types": types,
            "spacing": [float(mm) for mm in self.data.grid.spacing],
        }

    def _finish(self) -> None:
        if not self.checkpoints.steps():  # a stage of no steps: its weights are those it started with
            self.checkpoints.save(0, self._variables(), self._facts())
        write_learned(self.run.stage_path(self.index), self.trainer.objective, self.checkpoints)
        if self.checkpoints.best.is_file():
            restore(self.checkpoints.best, {"network": self.trainer.network.variables})
        with atomic_path(self.run.stage_path(self.index) / "model.keras") as aside:
            self.trainer.network.save(aside)

    def _explained(self, error: Exception) -> Exception:
        """The error a user can act on."""
        if out_of_memory(error):
            shape = "x".join(str(size) for size in self.example["fixed"].shape[1:-1])
            return TrainingError(
                f"stage `{self.settings.name}`: the device has no memory left for batches of "
                f"{self.settings.trainer.batch_size} pairs of {shape} voxels. Lower trainer.batch_size (and raise "
                "trainer.gradient_accumulation), set trainer.remat: true or trainer.mixed_precision: bfloat16, or "
                "raise data.grid.spacing."
            )
        if self.distribution.workers > 1 and peer_lost(error):
            step, reason = max(self.checkpoints.steps(), default=0), str(error).splitlines()[0]
            return TrainingError(
                f"worker {self.distribution.worker} lost contact with another worker. Start all workers again with "
                f"--resume; the job goes on from step {step}. ({reason})"
            )
        return error


def _plugin_callbacks(run: Run) -> list[keras.callbacks.Callback]:
    """The callbacks of all plugins that observe training."""
    found = loaded(frozenset(run.experiment.plugins)).call_each("training_callbacks", lambda origin: {"run": run})
    return [callback for _, results in found for result in results for callback in result]
