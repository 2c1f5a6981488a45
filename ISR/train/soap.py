"""SOAP (Vyas et al. 2024): Adam in the eigenbasis of Shampoo's two covariances of a kernel's gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from ISR.train.warm_average import WarmAverage

# A side that is longer is not turned: its basis would cost more than it brings.
LONGEST_SIDE = 2048
# A basis is brought up to date in each of the first steps; then every 10 or, where that is more, side / 16 steps, so
# that the cube of a long side, which it costs, becomes a square.
FIRST_STEPS, EVERY, SIDE_SHARE = 10, 10, 16
# Of the trace of a covariance; and of the steepest direction, below which a step is no longer a whole one.
FLAT, DAMPING = 1e-7, 1e-5


@keras.saving.register_keras_serializable(package="ISR")
class Soap(WarmAverage, keras.optimizers.Optimizer):  # type: ignore[misc]
    """SOAP (Vyas et al. 2024, "SOAP: Improving and Stabilizing Shampoo using Adam", algorithm 3).

    A kernel (rows, columns, in, out) is the matrix (rows * columns * in, out). Of its gradient G the running means of
    G G^T and G^T G are kept, and Adam works in their eigenvectors, which a step of orthogonal iteration follows. What
    a layer sees is correlated, as neighbouring pixels are: to Adam that is one steep direction and many flat ones,
    which it cannot tell apart; turned, each has its own step. Vectors (biases, slopes) are left to Adam.

    beta_1, beta_2: of the mean and the square of the gradient. shampoo_beta: of the two covariances.
    """

    def __init__(
        self,
        learning_rate: Any = 3e-3,
        *,
        beta_1: float = 0.95,
        beta_2: float = 0.95,
        shampoo_beta: float = 0.95,
        epsilon: float = 1e-8,
        name: str = "soap",
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **options)
        self.beta_1, self.beta_2, self.shampoo_beta, self.epsilon = beta_1, beta_2, shampoo_beta, epsilon

    def build(self, variables: Sequence[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._means = [self._of(v, "mean", _matrix_shape(v)) for v in variables]
        self._squares = [self._of(v, "square", _matrix_shape(v)) for v in variables]
        self._covariances, self._bases = (
            [{axis: self._of(v, f"{name}_{axis}", (side, side), first) for axis, side in _turned(v)} for v in variables]
            for name, first in (("covariance", "zeros"), ("basis", "identity"))
        )

    def _of(self, variable: Any, name: str, shape: tuple[int, ...], first: str = "zeros") -> Any:
        where = variable.path.replace("/", "_")
        return self.add_variable(shape, initializer=first, dtype="float32", name=f"{where}_{name}")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable; all in float32."""
        i = self._get_variable_index(variable)
        mean, square, bases = self._means[i], self._squares[i], self._bases[i]
        gradient = ops.reshape(ops.cast(gradient, "float32"), mean.shape)
        step = ops.cast(self.iterations + 1, "float32")
        self.assign(mean, self.beta_1 * mean + (1.0 - self.beta_1) * gradient)
        for axis, covariance in self._covariances[i].items():
            self._follow(gradient, axis, covariance=covariance, basis=bases[axis], square=square)
        turned = _turn(gradient, bases)
        self.assign(square, self.beta_2 * square + (1.0 - self.beta_2) * ops.square(turned))
        unbiased = ops.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)
        slopes = ops.sqrt(square)
        damped = slopes + DAMPING * ops.max(slopes) + self.epsilon
        change = unbiased * _turn(ops.convert_to_tensor(mean), bases) / damped
        change = learning_rate * ops.reshape(_turn(change, bases, back=True), variable.shape)
        self.assign_sub(variable, ops.cast(change, variable.dtype))

    def _follow(self, gradient: Any, axis: int, *, covariance: Any, basis: Any, square: Any) -> None:
        """The covariance along an axis a step on and, when it is time, its basis and the squares in it."""
        other = ops.transpose(gradient)
        product = ops.matmul(gradient, other) if axis == 0 else ops.matmul(other, gradient)
        self.assign(covariance, self.shampoo_beta * covariance + (1.0 - self.shampoo_beta) * product)
        every = max(EVERY, covariance.shape[0] // SIDE_SHARE)
        now = ops.logical_or(self.iterations < FIRST_STEPS, self.iterations % every == 0)
        before = [ops.convert_to_tensor(values) for values in (covariance, basis, square)]
        new_basis, new_square = ops.cond(now, partial(_iterated, axis, *before), lambda: before[1:])
        self.assign(basis, new_basis)
        self.assign(square, new_square)

    def get_config(self) -> dict[str, Any]:
        names = ("beta_1", "beta_2", "shampoo_beta", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _matrix_shape(variable: Any) -> tuple[int, int]:
    """(rows * columns * in, out) of a kernel; a vector is a row."""
    shape = tuple(variable.shape) or (1,)
    return math.prod(shape[:-1]), shape[-1]


def _turned(variable: Any) -> list[tuple[int, int]]:
    """The axes of its matrix that have a basis of their own, with their lengths: none of a vector."""
    sides = _matrix_shape(variable)
    return [(axis, side) for axis, side in enumerate(sides) if sides[0] > 1 and 1 < side <= LONGEST_SIDE]


def _turn(matrix: Any, bases: dict[int, Any], *, back: bool = False) -> Any:
    """The matrix in the bases, or from there back."""
    if 0 in bases:
        basis = ops.convert_to_tensor(bases[0])
        matrix = ops.matmul(basis if back else ops.transpose(basis), matrix)
    if 1 in bases:
        basis = ops.convert_to_tensor(bases[1])
        matrix = ops.matmul(matrix, ops.transpose(basis) if back else basis)
    return matrix


def _iterated(axis: int, covariance: Any, basis: Any, square: Any) -> list[Any]:
    """The basis after a step of orthogonal iteration, steepest direction first, and the squares in it.

    A new direction's square is the mean of the old ones', each by its share: what it is where those are uncorrelated.
    """
    spread = ops.trace(covariance)
    # What is flatter than this share stays where it is: there rounding alone would turn it, or have no length at all.
    reached = ops.matmul(covariance / (spread + ops.cast(spread == 0.0, "float32")), basis) + FLAT * basis
    steepness = ops.sum(basis * reached, axis=0)
    turned = ops.qr(ops.take(reached, ops.flip(ops.argsort(steepness)), axis=1))[0]
    shares = ops.square(ops.matmul(ops.transpose(basis), turned))
    return [turned, ops.matmul(ops.transpose(shares), square) if axis == 0 else ops.matmul(square, shares)]
