"""The objective: named terms and their weighted sum."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from tfregkit.errors import ConfigError
from tfregkit.objective.base import Regularizer, Similarity
from tfregkit.objective.learnable import learnable
from tfregkit.objective.settings import ObjectiveSettings
from tfregkit.objective.view import View

if TYPE_CHECKING:
    from tfregkit.objective.earlier import Earlier


class Objective(keras.layers.Layer):
    """Terms by name and their weighted total, lower is better.

    `total = sum_k w_k t_k`, or, with a `lam`,
    `total = alpha (1 - lam) sum_similarities w_k t_k + lam sum_regularizers w_k t_k` (`alpha`, λ of ContraReg, eq. 4).
    The arithmetic is float32 under any policy. It is a layer for its weights' sake; views hold more than tensors, so
    Keras' own call comes with the terms. Only the trainer averages over the batch and over replicas.

    Args:
        terms: Similarities and regularizers by name.
        weights: The factor of each term, 1 where absent.
        views: The names of the views a similarity looks at; where absent its own `default_views`.
        alpha: Factor of the similarities when there is a lambda.
        lam: None, a number in [0, 1], or `"uniform"`: the batch brings one per item.
        mask: Which mask the strategy makes for the similarities.
    """

    def __init__(
        self,
        *,
        terms: dict[str, Similarity | Regularizer],
        weights: dict[str, float] | None = None,
        views: dict[str, Sequence[str] | None] | None = None,
        alpha: float = 1.0,
        lam: float | str | None = None,
        mask: str = "none",
    ) -> None:
        super().__init__(name="objective", dtype="float32")
        self.built = True  # the weights are the terms'
        self.terms = dict(terms)
        self.term_weights = {name: (weights or {}).get(name, 1.0) for name in terms}
        self.term_views = dict(views or {})
        self.alpha = alpha
        self.lam = lam
        self.mask = mask
        self.learned: dict[str, keras.Variable] = {}
        self.initial: dict[str, float] = {}

    @classmethod
    def from_settings(cls, settings: ObjectiveSettings, earlier: Earlier | None = None) -> Objective:
        """Build the terms a configuration names.

        Args:
            settings: The section.
            earlier: The stages before this one, for similarities that take something of theirs.
        """
        terms = {name: (term.similarity or term.regularizer).build() for name, term in settings.terms.items()}
        for name, term in terms.items():
            if not isinstance(term, Similarity):
                continue
            if unknown := [need for need in term.needs if need not in View._fields]:
                raise ConfigError(
                    f"objective.terms.{name}: {type(term).__name__} needs `{unknown[0]}`, which no view has. It may "
                    f"ask for: {', '.join(View._fields[4:])}."
                )
            if earlier is not None:
                term.connect(earlier)
        return cls(
            terms=terms,
            weights={name: term.weight for name, term in settings.terms.items()},
            views={name: term.views for name, term in settings.terms.items()},
            alpha=settings.alpha,
            lam=settings.lam,
            mask=settings.mask,
        )

    def depending_on(self, fields: Collection[str], views: Sequence[str] = ("forward",)) -> Objective:
        """The objective without the terms that no change of these fields of the network changes.

        Those are similarities of the network's features or of other views than `views`, and regularizers of other
        fields. The terms are shared.
        """
        named = {name: wanted for name in self.terms if (wanted := self._named(name)) is not None}
        seen = {name: [view for view in wanted if view in views] for name, wanted in named.items()}

        def depends(name: str, term: Similarity | Regularizer) -> bool:
            if isinstance(term, Similarity):
                return "features" not in term.needs and seen.get(name) != []
            return term.on in fields

        return Objective(
            terms={name: term for name, term in self.terms.items() if depends(name, term)},
            weights=self.term_weights,
            views=seen,
            alpha=self.alpha,
            lam=self.lam,
            mask=self.mask,
        )

    def learn(self, name: str) -> keras.Variable:
        """Make a number of the objective a variable, which no optimiser of the network touches.

        From then on it counts with the variable's value, and is logged. To be called before anything is built.

        Args:
            name: `term` for its weight, or `term.parameter` for a positive real parameter of the term.

        Returns:
            The variable, a float32 scalar, not trainable; it begins with the configured value. It is also in `learned`,
            as `term.weight` or `term.parameter`.

        Raises:
            ConfigError: When there is no such number, or it is no positive real one.
        """
        found = learnable(self, name)
        variable = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(found.value),
            trainable=False,
            aggregation="only_first_replica",
            name=found.name.replace(".", "_"),
        )
        if found.parameter == "weight":
            self.term_weights[found.term] = variable
        else:  # past Keras' tracking: the variable is the objective's, the term has no weights of its own for it
            object.__setattr__(self.terms[found.term], found.parameter, variable)
        self.learned[found.name], self.initial[found.name] = variable, found.value
        return variable

    @property
    def columns(self) -> list[str]:
        """The numbers that are logged: the terms by name, each followed by what it watches as `name.number`.

        Then those that are learned, by their names.
        """
        terms = [column for name, term in self.terms.items() for column in (name, *_watched(name, term))]
        return [*terms, *self.learned]

    @property
    def needs(self) -> set[str]:
        """What the terms take of a view besides the two images and the mask."""
        return {name for term in self.terms.values() if isinstance(term, Similarity) for name in term.needs}

    @property
    def named_views(self) -> set[str]:
        """The views that some term asks for by name."""
        return {view for name in self.terms for view in self._named(name) or ()}

    def looks_at(self, view: str) -> bool:
        """Whether some similarity looks at a view of this name that is shown to all: it names it, or none at all."""
        wanted = [self._named(name) for name, term in self.terms.items() if isinstance(term, Similarity)]
        return any(views is None or view in views for views in wanted)

    def _named(self, name: str) -> Sequence[str] | None:
        """The views a term asks for, or None: all that are shown to everybody."""
        return self.term_views.get(name) or getattr(self.terms[name], "default_views", None)

    def __call__(self, views: Sequence[View], fields: dict[str, Any], lam: Any = None) -> dict[str, Any]:
        """The terms by name, each `(B,)` float32, their sum under `"total"`, what terms watch and what is learned.

        Args:
            views: Pairs of images; a similarity is averaged over those it looks at.
            fields: The network's `displacement` and, where it has one, `velocity`, `(B, X, Y[, Z], N)`.
            lam: `(B, 1)`, needed when the objective's own `lam` is `"uniform"`; it replaces a number.

        Raises:
            ConfigError: When a term looks at a field or view that is not given, or lambdas are missing.
        """
        terms, watched, views = {}, {}, [View(*view) for view in views]
        for name, term in self.terms.items():
            if isinstance(term, Similarity):
                found = [_value(term, view) for view in self._views(name, views)]
            else:
                found = [term(self._field(name, term, fields))]
            if term.watches:
                numbers = [seen for _, seen in found]
                watched |= {
                    column: _mean([seen[number] for seen in numbers])
                    for number, column in zip(term.watches, _watched(name, term), strict=True)
                }
                found = [value for value, _ in found]
            terms[name] = _mean(found)
        learned = {name: ops.stop_gradient(variable) for name, variable in self.learned.items()}
        return {**terms, **watched, **learned, "total": self._total(terms, lam)}

    def _views(self, name: str, views: Sequence[View]) -> Sequence[View]:
        wanted = self._named(name)
        if wanted is None:
            return [view for view in views if not view.on_request]
        if missing := [view for view in wanted if view not in [given.name for given in views]]:
            known = ", ".join(f"`{view.name}`" for view in views)
            raise ConfigError(f"objective.terms.{name}.views: the strategy has no view `{missing[0]}`. It has {known}.")
        return [view for view in views if view.name in wanted]

    def _field(self, name: str, term: Regularizer, fields: dict[str, Any]) -> Any:
        if term.on not in fields:
            raise ConfigError(
                f"objective.terms.{name}: looks at the network's `{term.on}`, but this network gives only "
                f"{', '.join(f'`{key}`' for key in sorted(fields))}. Take a network that gives it (`probabilistic` "
                "ones give a `posterior`, `bidirectional` ones an `inverse` in training), or set `on` to one of these."
            )
        return fields[term.on]

    def _total(self, terms: dict[str, Any], lam: Any) -> Any:
        """`(B,)`; Python numbers stay numbers, so that a fixed lambda costs nothing."""
        lam = self._lambda(lam)
        total = 0.0
        for name, value in terms.items():
            factor = self.term_weights[name]
            if lam is not None:
                factor = factor * (self.alpha * (1.0 - lam) if isinstance(self.terms[name], Similarity) else lam)
            total = total + factor * ops.cast(value, "float32")
        return total

    def _lambda(self, lam: Any) -> Any:
        if self.lam is None:
            return None
        if lam is not None:
            return ops.cast(ops.reshape(lam, (-1,)), "float32")
        if self.lam == "uniform":
            raise ConfigError("objective.lambda: `uniform` needs a `lam` in every batch; this batch has none.")
        return self.lam


def _watched(name: str, term: Similarity | Regularizer) -> list[str]:
    return [f"{name}.{number}" for number in term.watches]


def _mean(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else sum(values[1:], values[0]) / len(values)


def _value(term: Similarity, view: View) -> Any:
    return term(view.fixed, view.moved, mask=view.mask, **{name: getattr(view, name) for name in term.needs})
