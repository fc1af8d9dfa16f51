"""Learning the objective's weights beside the network's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import keras
from keras import ops
from pydantic import Field

from tfregkit.api import ConfigError, Objective, ObjectiveSettings, Strategy
from tfregkit.layers.full_precision import full_precision
from tfregkit_plugins.strategies.hypergradient import hypergradient
from tfregkit_plugins.strategies.overlap import overlap_and_roughness
from tfregkit_plugins.strategies.positive_numbers import PositiveNumbers
from tfregkit_plugins.strategies.unsupervised import Unsupervised

Positive = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]

DRIFT = (
    "strategy `bilevel`: `upper: paper` judges by the very objective whose weights are learned. Its derivative with "
    "respect to a weight is then the term itself, so weights of positive terms shrink and those of negative ones grow, "
    "whatever registers best. It is there for study; `fixed_weights`, or an objective of its own, has no such drift."
)


class Bilevel(Strategy):
    """Another strategy, whose objective's hyper-parameters are learned from validation pairs while the network trains.

    Two problems at once: the network's weights w minimise the objective `f(w, v)` on training pairs, and v, the chosen
    weights of its terms and positive parameters of its similarities, minimise an upper objective `F(w(v))` on
    validation pairs. In every `every`-th step, before the ordinary one,

    1. `w1 = w - eta df(w, v)/dw`: a step of gradient descent on the training batch, with the learning rate of now,
    2. `d = dF(w1)/dw1` on a batch of validation pairs,
    3. `dF/dv = - eta (df(w + e d, v)/dv - df(w - e d, v)/dv) / (2 e)`, `e = epsilon / |d|`,
    4. a step of Adam on theta, where `v = exp(theta)` or `softplus(theta)`, so v stays positive.

    The ordinary step then goes from the same w with the new v; the network's optimiser knows nothing of v. The paper
    adds to 3 the derivative of F itself with respect to v, where F is the loss that is learned. That is the terms'
    values, which lead away from any optimum: only `upper: paper` has it.

    Validation (`val_loss`) is with the upper objective, whose numbers can be compared over the steps.

    Args:
        learn: What is learned: a term of the objective for its weight, or `term.parameter` for a positive real
            parameter of it in which the loss is differentiable.
        inner: What a step computes; `null`: `unsupervised`.
        upper: F. `fixed_weights`: the objective itself with the numbers it begins with, or those of `upper_values`; an
            objective section: its own terms, without a lambda; `dice+smoothness`: one less the overlap of `structures`
            in label maps of the validation pairs, and a steep price for a diffusion of the displacement above
            `roughness`; `paper`: the objective with the numbers that are being learned, for study.
        upper_values: The numbers that `fixed_weights` holds, by what is learned, where they are not the first ones.
        structures: For `dice+smoothness`: the label values of each structure, by name.
        roughness: For `dice+smoothness`: the diffusion that costs nothing.
        every: Steps from one change of v to the next.
        start: Steps before the first.
        positive: `exp`: each change is a share of v; `softplus`: of a large v an amount.
        learning_rate: Of Adam on theta; with `exp`, the largest relative change at a time.
        beta_1: Of Adam on theta.
        beta_2: Of Adam on theta.
        epsilon: Length of the move of the weights in 3, or `learning_rate`: `e = eta`, as in the paper.

    Reference: Liu et al. 2021, Learning Deformable Image Registration from Optimization, sections 4.2 and 4.3, eqs. 19
    to 21, doi:10.1109/TPAMI.2021.3115825.
    """

    holds_out = True
    takes = Unsupervised.takes

    def __init__(
        self,
        *,
        learn: Annotated[list[str], Field(min_length=1)],
        inner: Strategy | None = None,
        upper: Literal["fixed_weights", "dice+smoothness", "paper"] | ObjectiveSettings = "fixed_weights",
        upper_values: dict[str, Positive] | None = None,
        structures: dict[str, list[int]] | None = None,
        roughness: Positive = 0.01,
        every: Annotated[int, Field(ge=1)] = 10,
        start: Annotated[int, Field(ge=0)] = 0,
        positive: Literal["exp", "softplus"] = "exp",
        learning_rate: Positive = 0.02,
        beta_1: Decay = 0.5,
        beta_2: Decay = 0.999,
        epsilon: Positive | Literal["learning_rate"] = 0.01,
    ) -> None:
        super().__init__()
        if upper_values is not None and upper != "fixed_weights":
            raise ConfigError("`upper_values` are those that `upper: fixed_weights` holds.")
        if (structures is None) == (upper == "dice+smoothness"):
            raise ConfigError("`upper: dice+smoothness` and `structures` go together: the label values it compares.")
        if inner is not None and inner.holds_out:
            raise ConfigError("`inner` must be a strategy that does not look at validation pairs itself.")
        if isinstance(upper, ObjectiveSettings) and upper.lam is not None:
            raise ConfigError("`upper`: an objective that judges has no lambda. Give its terms weights.")
        self.learn = learn
        self.inner = inner
        self.upper = upper
        self.upper_values = upper_values
        self.structures = structures
        self.roughness = roughness
        self.every = every
        self.start = start
        self.positive = positive
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.strategy = inner or Unsupervised()
        for name in ("gives", "takes", "needs", "roles"):
            setattr(self, name, getattr(self.strategy, name))
        self.held_out_needs = () if structures is None else ("labels",)
        self.judge: Objective | None = None

    def connect(self, objective, earlier=None):
        self.strategy.connect(objective, earlier)
        for name in self.learn:
            objective.learn(name)
        first = objective.initial
        self.numbers = PositiveNumbers(
            list(first.values()),
            mapping=self.positive,
            learning_rate=self.learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
        )
        self.held_values = dict(first) | {_known(name, first): v for name, v in (self.upper_values or {}).items()}
        if isinstance(self.upper, ObjectiveSettings):
            self.judge = Objective.from_settings(self.upper, earlier)
            self.needs = tuple({*self.needs, *self.judge.needs})

    def check_network(self, network):
        self.strategy.check_network(network)

    def caution(self):
        return DRIFT if self.upper == "paper" else self.strategy.caution()

    def item(self, arrays, rng):
        return self.strategy.item(arrays, rng)

    def held_out(self, step):
        number, rest = divmod(step - self.start, self.every)
        return number if number >= 0 and not rest else None

    def call(self, batch: dict[str, Any], network: Any, objective: Any, training: bool | None = None) -> dict[str, Any]:
        """Terms by name with their `total`, which outside training is the upper objective's. See `Strategy`."""
        if training:
            return self.strategy(batch, network=network, objective=objective, training=training)
        with keras.StatelessScope(self._upper_numbers(objective)):
            terms = self.strategy(batch, network=network, objective=objective, training=training)
        judged = self._judged(batch, network)
        return terms if judged is None else {**terms, "total": judged}

    def _judged(self, batch: dict[str, Any], network: Any) -> Any:
        """The upper objective `(B,)` if it is one of its own; None: the stage's is, or labels are missing."""
        if self.judge is not None:
            return self.strategy(batch, network=network, objective=self.judge, training=False)["total"]
        if self.structures is not None and {"moving_labels", "fixed_labels"} <= batch.keys():
            return overlap_and_roughness(network, batch, list(self.structures.values()), self.roughness)
        return None

    def before_update(self, trainer, batch, held_out):
        objective, weights = trainer.objective, trainer.trainable_variables
        learned = list(objective.learned.values())
        if self.judge is not None and self.judge.trainable_variables:
            raise ConfigError("strategy `bilevel`: a term of `upper` has weights of its own, which nobody trains.")

        def lower(w: Sequence[Any], v: Sequence[Any]) -> Any:
            with keras.StatelessScope([*zip(weights, w, strict=True), *zip(learned, v, strict=True)], True):
                return trainer.mean_loss(trainer(batch, training=True))

        def upper(w: Sequence[Any], v: Sequence[Any]) -> Any:
            numbers = zip(learned, v, strict=True) if self.upper == "paper" else self._upper_numbers(objective)
            with keras.StatelessScope([*zip(weights, w, strict=True), *numbers]):
                judged = self._judged(held_out, trainer.network)
                if judged is None:
                    given = {"network": trainer.network, "objective": objective}
                    judged = self.strategy(held_out, **given, training=False)["total"]
                return ops.mean(judged)

        rate = ops.cast(trainer.optimizer.learning_rate, "float32")
        absolute = self.epsilon == "learning_rate"
        found = hypergradient(
            lower,
            upper,
            [ops.stop_gradient(w) for w in weights],
            [ops.stop_gradient(v) for v in learned],
            rate=rate,
            epsilon=rate if absolute else self.epsilon,
            relative=not absolute,
            explicit=self.upper == "paper",
            scale=trainer.optimizer.scale_loss(ops.ones(())),
            exactly=partial(full_precision, trainer.network),
        )
        for name, slope in zip(objective.learned, found, strict=True):
            if slope is None:
                raise ConfigError(
                    f"strategy `bilevel`: the loss is not differentiable in `{name}`. Leave it out of `learn`."
                )
        scaled = isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
        values = self.numbers.descend(ops.stack(found), skip_non_finite=scaled)
        for variable, value in zip(learned, ops.unstack(values), strict=True):
            variable.assign(value)

    def _upper_numbers(self, objective: Any) -> list[tuple[Any, float]]:
        """The variables that are learned, with what `fixed_weights` has in their place."""
        if self.upper == "paper":
            return []
        return [(variable, self.held_values[name]) for name, variable in objective.learned.items()]


def _known(name: str, learned: dict[str, float]) -> str:
    """The learned number that is called so, with or without `.weight`."""
    found = name if name in learned else f"{name}.weight"
    if found not in learned:
        raise ConfigError(f"`upper_values` names `{name}`, which is not learned. Learned: {', '.join(learned)}.")
    return found
