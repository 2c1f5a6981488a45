"""SOAP: its steps against the paper's algorithm in NumPy, and what it is for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from ISR import models
from ISR.config import TrainConfig
from ISR.train import optimizers, soap
from ISR.train.soap import Soap

Matrix = npt.NDArray[np.float64]


class ByHand:
    """Algorithm 3 of Vyas et al. 2024 for one matrix, in float64, with bases kept as the paper's algorithm 4 does.

    Where the paper leaves the second moment as it is when the bases turn, it is turned with them; and flat directions
    are damped and stay where they are.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.mean = np.zeros((rows, columns))
        self.square = np.zeros((rows, columns))
        self.left, self.right = np.zeros((rows, rows)), np.zeros((columns, columns))
        self.q_left, self.q_right = np.eye(rows), np.eye(columns)
        self.steps = 0

    def step(self, g: Matrix, *, b: float = 0.95, epsilon: float = 1e-8) -> Matrix:
        """What is taken from the weights at a learning rate of 1."""
        self.mean = b * self.mean + (1 - b) * g
        self.left, self.right = b * self.left + (1 - b) * g @ g.T, b * self.right + (1 - b) * g.T @ g
        if self.steps < soap.FIRST_STEPS or self.steps % soap.EVERY == 0:
            left, right = (self._iterated(*each) for each in ((self.left, self.q_left), (self.right, self.q_right)))
            self.square = ((self.q_left.T @ left) ** 2).T @ self.square @ (self.q_right.T @ right) ** 2
            self.q_left, self.q_right = left, right
        self.steps += 1
        turned, mean = self.q_left.T @ g @ self.q_right, self.q_left.T @ self.mean @ self.q_right
        self.square = b * self.square + (1 - b) * turned**2
        slopes = np.sqrt(self.square / (1 - b**self.steps))
        corrected = mean / (1 - b**self.steps) / (slopes + soap.DAMPING * slopes.max() + epsilon)
        return self.q_left @ corrected @ self.q_right.T

    @staticmethod
    def _iterated(covariance: Matrix, q: Matrix) -> Matrix:
        order = np.argsort(-np.einsum("ij,ik,kj->j", q, covariance, q))
        return np.linalg.qr((covariance / np.trace(covariance) @ q + soap.FLAT * q)[:, order])[0]


def test_its_steps_are_the_paper_s() -> None:
    """On a kernel of four axes; but for the first, in which rounding decides the flattest directions."""
    rng = np.random.default_rng(0)
    shape, sides = (2, 1, 3, 6), (6, 6)
    kernel = keras.Variable(np.zeros(shape, np.float32), name="kernel")
    optimizer, hand, before = Soap(1.0), ByHand(*sides), np.zeros(sides)
    mixed = rng.normal(size=(6, 6)), rng.normal(size=(6, 6))
    for step in range(35):
        gradient = mixed[0] @ rng.normal(size=sides) @ mixed[1]
        optimizer.apply([keras.ops.convert_to_tensor(gradient.reshape(shape).astype(np.float32))], [kernel])
        after, taken = kernel.numpy().reshape(sides), hand.step(gradient)
        if step > 0:
            np.testing.assert_allclose(before - after, taken, rtol=0, atol=1e-3)
        before = after


def test_a_bias_takes_adam_s_steps() -> None:
    rng = np.random.default_rng(1)
    ours, adam_s = (keras.Variable(np.zeros(5, np.float32)) for _ in range(2))
    optimizer, adam = Soap(0.1), keras.optimizers.Adam(0.1, beta_1=0.95, beta_2=0.95, epsilon=1e-8)
    for _ in range(12):
        gradient = keras.ops.convert_to_tensor(rng.normal(size=5).astype(np.float32))
        optimizer.apply([gradient], [ours])
        adam.apply([gradient], [adam_s])
    np.testing.assert_allclose(ours.numpy(), adam_s.numpy(), rtol=1e-4)


def fitted(optimizer: keras.optimizers.Optimizer, *, steps: int = 600) -> float:
    """The mean square that is left of a least-squares problem whose inputs' variances span five decades."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    x = (rng.normal(size=(512, 20)) * np.logspace(0, -2.5, 20)) @ basis.T
    y = x @ rng.normal(size=(20, 3))
    weights = keras.Variable(np.zeros((20, 3), np.float32))
    for _ in range(steps):
        residual = x @ weights.numpy() - y
        gradient = 2.0 * x.T @ residual / residual.size
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [weights])
    return float(np.mean((x @ weights.numpy() - y) ** 2))


def test_correlated_inputs_do_not_slow_it_down() -> None:
    """Adam stops at 5e-3 of a mean square of some 0.3; in the eigenbasis 1e-8 is passed."""
    rate = keras.optimizers.schedules.CosineDecay(3e-2, 600)
    assert fitted(Soap(rate)) < 1e-8 < 1e-3 < fitted(keras.optimizers.Adam(rate))


def test_the_recipe_s_soap_has_bases_of_kernels_alone() -> None:
    model = models.build("espcn", 3, {"luma": True}).model
    optimizer = optimizers.build(TrainConfig(optimizer="soap"), model)
    optimizer.build(model.trainable_variables)
    sides = [tuple(v.shape) for v in optimizer.variables if "basis" in v.name]
    # 5x5 from 1 to 64 channels, 3x3 from 64 to 32, 3x3 from 32 to 9.
    assert sides == [(25, 25), (64, 64), (576, 576), (32, 32), (288, 288), (9, 9)]
    optimizer_again = Soap.from_config(optimizer.get_config())
    assert (optimizer_again.beta_1, optimizer_again.shampoo_beta) == (0.95, 0.95)


def test_a_side_that_is_too_long_is_not_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soap, "LONGEST_SIDE", 16)
    kernel = keras.Variable(np.ones((3, 3, 2, 4), np.float32))
    optimizer = Soap(0.1)
    optimizer.apply([keras.ops.ones((3, 3, 2, 4))], [kernel])
    assert [tuple(v.shape) for v in optimizer.variables if "basis" in v.name] == [(4, 4)]
    assert np.all(np.isfinite(kernel.numpy())) and np.all(kernel.numpy() < 1.0)


STEPS = """
import json, sys
import keras
import numpy as np
from ISR.train.soap import Soap
rng = np.random.default_rng(3)
kernel = keras.Variable(rng.normal(size=(2, 1, 3, 6)).astype("float32"))
gradient = lambda: keras.ops.convert_to_tensor(rng.normal(size=(2, 1, 3, 6)).astype("float32"))
optimizer = Soap(0.01, use_ema=True, ema_momentum=0.5)
for step in range(25):
    optimizer.apply([gradient()], [kernel])
    if step == 0:  # in which rounding decides the flattest directions
        kernel.assign(np.zeros((2, 1, 3, 6), np.float32))
average = next(variable for variable in optimizer.variables if variable.name.endswith("_average"))
print(json.dumps([keras.ops.convert_to_numpy(each.value).ravel().tolist() for each in (kernel, average)]))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_take_the_same_steps(backend: str) -> None:
    pytest.importorskip(backend)

    def steps(name: str) -> Any:
        environment = {**os.environ, "KERAS_BACKEND": name}
        ran = subprocess.run(
            [sys.executable, "-c", STEPS], env=environment, check=True, capture_output=True, text=True, timeout=300
        )
        return np.array(json.loads(ran.stdout.splitlines()[-1]))

    np.testing.assert_allclose(steps(backend), steps("tensorflow"), rtol=0, atol=1e-4)
