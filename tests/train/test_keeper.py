"""Which weights are kept: the rules of ISR 2 (reference 3.6), but every metric is looked at."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ISR.errors import ConfigError
from ISR.train.keeper import Keeper, check_monitor, epoch_of, file_name, prune


def test_the_first_epoch_is_the_best_so_far_by_every_metric() -> None:
    keeper = Keeper({"val_loss": "min", "val_PSNR_Y": "max"}, save_every=2)
    assert keeper.marks({"val_loss": 1.0, "val_PSNR_Y": 20.0}) == ["_best-val_loss", "_best-val_PSNR_Y"]
    assert keeper.marks({"val_loss": 1.0, "val_PSNR_Y": 20.5}) == ["_best-val_PSNR_Y"]
    assert keeper.best == {"val_loss": 1.0, "val_PSNR_Y": 20.5}


def test_only_strictly_better_is_better() -> None:
    keeper = Keeper({"a": "min", "b": "max"}, save_every=0, best={"a": 1.0, "b": 2.0})
    assert keeper.marks({"a": 1.0, "b": 2.0}) == []
    assert keeper.marks({"a": 0.9, "b": 1.0}) == ["_best-a"]


def test_with_two_every_third_epoch_that_is_no_better_is_kept() -> None:
    keeper = Keeper({"a": "min"}, save_every=2)
    kept = [keeper.marks({"a": value}) for value in (1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.5, 2.0)]
    assert kept == [["_best-a"], [], [], [""], [], [], [""], ["_best-a"], []]


def test_without_a_monitored_metric_weights_are_kept_all_the_same() -> None:
    keeper = Keeper({}, save_every=2)
    assert [keeper.marks({}) for _ in range(6)] == [[], [], [""], [], [], [""]]
    assert [Keeper({}, save_every=0).marks({}) for _ in range(3)] == [[], [], []]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_or_not_measured_is_no_better(value: float) -> None:
    keeper = Keeper({"a": "max"}, save_every=0)
    assert keeper.marks({"a": value}) == [] and keeper.marks({}) == []
    assert keeper.marks({"a": -5.0}) == ["_best-a"]


def test_it_goes_on_where_it_was() -> None:
    whole, first = Keeper({"a": "max"}, save_every=2), Keeper({"a": "max"}, save_every=2)
    values = [3.0, 1.0, 1.0, 1.0, 4.0, 4.0]
    expected = [whole.marks({"a": value}) for value in values]
    kept = [first.marks({"a": value}) for value in values[:3]]
    second = Keeper({"a": "max"}, save_every=2, best=first.best, unsaved=first.unsaved)
    assert kept + [second.marks({"a": value}) for value in values[3:]] == expected


@pytest.mark.parametrize(
    ("name", "epoch"),
    [
        ("rdn-C3-D10-G64-G064-x2_best-val_PSNR_Y_epoch007.weights.h5", 7),
        ("rdn-C6-D20-G64-G064-x2_PSNR_epoch086.hdf5", 86),
        ("srgan-large_epoch1234.weights.h5", 1234),
        ("of/epoch003/compact-x2.weights.h5", 0),
        ("compact_e003.weights.h5", 0),
        ("a_epoch03.hdf5", 3),
    ],
)
def test_the_epoch_in_a_name(name: str, epoch: int) -> None:
    assert epoch_of(name) == epoch


def test_names_are_those_of_isr_2() -> None:
    assert file_name("rdn-x2", "_best-val_loss", 7) == "rdn-x2_best-val_loss_epoch007.weights.h5"
    assert epoch_of(file_name("rdn-x2", "", 1000)) == 1000


def test_the_newest_epochs_stay_of_each_kind(tmp_path: Path) -> None:
    for epoch in range(1, 13):
        for mark in ("_best-a", "_best-b") if epoch % 2 else ("",):
            path = tmp_path / file_name("n", mark, epoch)
            path.touch()
            path.with_name(path.name.replace(".weights.h5", ".manifest.json")).touch()
    last = [tmp_path / name for name in ("n.weights.h5", "n.manifest.json", "state.npz")]
    for path in last:
        path.touch()
    prune(tmp_path, best=2, others=3)
    expected = {file_name("n", mark, epoch) for epoch in (9, 11) for mark in ("_best-a", "_best-b")}
    expected |= {file_name("n", "", epoch) for epoch in (8, 10, 12)}
    expected |= {name.replace(".weights.h5", ".manifest.json") for name in expected}
    assert {path.name for path in tmp_path.iterdir()} == expected | {path.name for path in last}


def test_an_unknown_metric_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'val_PSNR_YY': this training has train_loss, val_loss"):
        check_monitor({"val_PSNR_YY": "max"}, {"val_loss", "train_loss"})
    with pytest.raises(ConfigError, match="min or max, got 'most'"):
        check_monitor({"val_loss": "most"}, {"val_loss"})
