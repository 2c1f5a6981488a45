"""The state file: what goes in comes out, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from ISR.errors import TrainingError
from ISR.train import state

HISTORY = [{"epoch": "1", "train_loss": "0.5"}, {"epoch": "2", "train_loss": "0.4", "val_psnr_y": "30"}]


def variables(*values: object) -> list[keras.Variable]:
    return [keras.Variable(np.asarray(value)) for value in values]


def progress() -> state.Progress:
    return state.Progress(2, 5, list(HISTORY), {"val_psnr_y": 30.123456789012345}, 1, "train: {ema: 0.5}\n")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    kept = variables(np.float32([1.5, 2.0]), np.int32(7))
    state.save(tmp_path / "s.npz", progress(), kept)
    loaded, values = state.load(tmp_path / "s.npz")
    expected = progress()
    expected.history[0] = {**HISTORY[0], "val_psnr_y": ""}
    assert loaded == expected == state.peek(tmp_path / "s.npz")
    other = variables(np.float32([0, 0]), np.int32(0))
    state.fill(other, values)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(other[0]), [1.5, 2.0])
    assert int(other[1]) == 7


def test_a_state_without_steps_and_recipe_is_read(tmp_path: Path) -> None:
    content = {"epoch": np.int64(3), "history": "epoch,loss\n1,0.5\n", "variable_0": np.zeros(2, np.float32)}
    np.savez(tmp_path / "s.npz", **content)
    loaded, values = state.load(tmp_path / "s.npz")
    assert (loaded.epoch, loaded.step, loaded.recipe, len(values)) == (3, 0, "", 1)
    assert loaded.history == [{"epoch": "1", "loss": "0.5"}]


def test_other_shapes_are_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    kept = variables(np.float32([1, 2]), np.float32([3]))
    with pytest.raises(TrainingError, match="another network"):
        state.fill(kept, [np.float32([5, 6]), np.float32([7, 8])])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(kept[0]), [1, 2])


def test_a_damaged_state_is_refused_at_every_cut(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    state.save(path, progress(), variables(np.float32([1, 2])))
    whole = path.read_bytes()
    for part in range(0, len(whole), len(whole) // 8):
        path.write_bytes(whole[:part])
        for read in (state.load, state.peek):
            with pytest.raises(TrainingError, match="cannot be read"):
                read(path)


def test_what_cannot_be_written_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.npz"
    state.save(path, progress(), variables(np.float32([1])))
    before = path.read_bytes()

    def full(file: Path, **content: object) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state.np, "savez", full)
    with pytest.raises(TrainingError, match="No space left on device; the last one, if any, is whole"):
        state.save(path, progress(), variables(np.float32([2])))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["s.npz"]
