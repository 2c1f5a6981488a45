"""The command line as its user meets it: what comes out, where it goes, what is printed and what is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import Said, bicubic, isr, names, photo

from ISR import __version__
from ISR.cli import main
from ISR.images import files

HEAVY = {"keras", "tensorflow", "jax", "torch"}


def size(path: Path) -> tuple[int, int]:
    picture = files.read(path)
    return picture.height, picture.width


def imported(code: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after the code."""
    shown = (
        f"import sys; {code}; sys.stderr.write(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["upscale", "--help"]])
def test_help_and_version_load_nothing_heavy(arguments: list[str]) -> None:
    loaded = imported(f"from ISR.cli import main; assert main({arguments}) == 0")
    assert not loaded & (HEAVY | {"numpy", "PIL", "yaml", "h5py", "tqdm"})


def test_interpolation_and_the_weights_list_load_no_network(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    calls = (["upscale", "--model", "bicubic", str(source)], ["weights", "list"])
    loaded = imported(f"from ISR.cli import main; assert [main(call) for call in {calls}] == [0, 0]")
    assert "numpy" in loaded and not loaded & HEAVY


def test_version_and_help_are_printed(capsys: Said) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"isr {__version__}\n"
    assert main(["upscale", "--help"]) == 0
    helped = " ".join(capsys.readouterr().out.split())
    assert "--max-pixels" in helped and "of `isr weights list`" in helped and "{fast,balanced,best}" in helped


def test_the_weights_list_has_a_line_for_each(capsys: Said) -> None:
    from ISR.models.pretrained import WEIGHTS

    assert main(["weights", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert list(lines) == ["name", *WEIGHTS]
    assert "35.99 / 32.15 / - (quoted)" in lines["psnr-small"] and lines["psnr-small"].endswith("10.7 MB to download")
    assert "37.36 / 33.01 / 31.77 " in lines["compact-x2"] and "download" not in lines["compact-x2"]


def test_without_out_the_enlargement_lies_beside_its_source(tmp_path: Path, capsys: Said) -> None:
    sources = [photo(tmp_path / "one" / "a.png"), photo(tmp_path / "two" / "b.jpg"), photo(tmp_path / "two" / "c.webp")]
    assert bicubic(*sources) == 0
    expected = [tmp_path / "one" / "a_x2.png", tmp_path / "two" / "b_x2.jpg", tmp_path / "two" / "c_x2.webp"]
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(path) for path in expected] and printed.err == ""
    assert [size(path) for path in expected] == [(24, 20)] * 3
    assert [files.read(path).format for path in expected] == ["PNG", "JPEG", "WEBP"]


def test_out_with_a_picture_s_extension_is_the_file(tmp_path: Path) -> None:
    source, wanted = photo(tmp_path / "a.png"), tmp_path / "new" / "b.tif"
    assert bicubic(source, "-o", wanted, "--scale", "3") == 0
    assert size(wanted) == (36, 30) and files.read(wanted).format == "TIFF"


@pytest.mark.parametrize(("count", "out"), [(1, "new/deep"), (2, "new"), (2, "new.png"), (1, "there.png")])
def test_out_is_a_folder_otherwise(tmp_path: Path, count: int, out: str) -> None:
    (tmp_path / "there.png").mkdir()
    sources = [photo(tmp_path / f"{name}.png") for name in "ab"[:count]]
    assert bicubic(*sources, "-o", tmp_path / out) == 0
    assert names(tmp_path / out) == [f"{name}_x2.png" for name in "ab"[:count]]


def test_a_format_that_cannot_keep_the_picture_gives_way_to_png(tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / "a.jpg", kind="PNG", alpha=True)
    assert bicubic(source) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a_x2.png'}\n"
    alpha = files.read(tmp_path / "a_x2.png").alpha
    assert alpha is not None and np.all(alpha == 100)
    assert not (tmp_path / "a_x2.jpg").exists()


def test_an_extension_that_no_picture_has_becomes_png(tmp_path: Path) -> None:
    assert bicubic(photo(tmp_path / "a.b.download", kind="JPEG")) == 0
    assert size(tmp_path / "a.b_x2.png") == (24, 20)


def test_tile_quality_and_limit_are_passed_on(tmp_path: Path, capsys: Said) -> None:
    source = photo(tmp_path / "a.png", height=50, width=40)
    for name, extra in [
        ("whole.png", []),
        ("tiles.png", ["--tile", "7"]),
        ("low.jpg", ["--jpeg-quality", "5"]),
        ("high.jpg", []),
    ]:
        assert bicubic(source, "-o", tmp_path / name, *extra) == 0
    np.testing.assert_array_equal(files.read(tmp_path / "whole.png").pixels, files.read(tmp_path / "tiles.png").pixels)
    assert (tmp_path / "low.jpg").stat().st_size < (tmp_path / "high.jpg").stat().st_size / 2
    assert bicubic(source, "--max-pixels", "1999") == 1
    assert "--max-pixels 2000" in capsys.readouterr().err


def test_an_earlier_output_is_replaced(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    (tmp_path / "a_x2.png").write_bytes(b"from before")
    assert bicubic(source) == 0
    assert size(tmp_path / "a_x2.png") == (24, 20)


def test_names_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["-a.png", "two\nlines.png", "😀.png", "with space.png", ".png", "long" * 60 + ".png"]
    for name in given:
        photo(tmp_path / name, kind="PNG")
    assert bicubic("--scale", "2", "--", *given) == 0
    made = {"-a_x2.png", "two\nlines_x2.png", "😀_x2.png", "with space_x2.png", ".png_x2.png", "long" * 60 + "_x2.png"}
    assert names(tmp_path) == sorted([*given, *made])


def test_verbose_stands_before_or_after_the_command(tmp_path: Path) -> None:
    source = photo(tmp_path / "a.png")
    assert main(["-v", "upscale", "--model", "nearest", str(source)]) == 0
    assert main(["upscale", "-v", "--model", "nearest", str(source)]) == 0


def test_weights_from_a_path_enlarge(tmp_path: Path, capsys: Said) -> None:
    from ISR.models import Compact

    weights, source = tmp_path / "tiny.weights.h5", photo(tmp_path / "a.png")
    Compact(3, width=4, depth=1).save(weights)
    assert main(["upscale", str(source), "--model", str(weights)]) == 0
    assert size(tmp_path / "a_x3.png") == (36, 30)
    assert main(["evaluate", str(tmp_path), "--model", str(weights), "--scale", "2"]) == 2
    assert "x3, not x2" in capsys.readouterr().err


@pytest.mark.slow
def test_a_network_in_a_process_of_its_own_says_nothing_but_the_path(tmp_path: Path) -> None:
    from ISR.models import Compact

    weights, source = tmp_path / "tiny.weights.h5", photo(tmp_path / "a.png")
    Compact(2, width=4, depth=1).save(weights)
    done = isr("upscale", source, "--model", weights)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'a_x2.png'}\n", "")


SMALL = [
    "model.params.width=4",
    "model.params.depth=1",
    "train.epochs=2",
    "train.steps_per_epoch=3",
    "data.patch_size=16",
]
SMALL += ["data.batch_size=2", "data.validation_pictures=1", "train.warmup_steps=1"]


def train(folder: Path, runs: Path, *more: str) -> int:
    settings = [f"--set={setting}" for setting in (*SMALL, f"output.runs={runs}", *more)]
    return main(["train", str(folder), *settings])


def test_train_makes_a_run_whose_weights_enlarge(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    assert train(photo_folder, tmp_path / "runs") == 0
    weights = Path(capsys.readouterr().out.rstrip("\n"))
    run = weights.parent
    assert run.parent == tmp_path / "runs" / "compact-x2" and weights.name == "compact-x2.weights.h5"
    kept = {"config.yml", "history.csv", "state.npz", "compact-x2.weights.h5", "compact-x2.manifest.json"}
    kept |= {"session_config.yml", "curves.png", "compact-x2_best-val_psnr_y_epoch001.weights.h5"}
    assert kept <= set(names(run)) and "lock" not in names(run)
    assert len((run / "history.csv").read_text(encoding="utf-8").splitlines()) == 3
    source = photo(tmp_path / "a.png")
    assert main(["upscale", str(source), "--model", str(weights)]) == 0
    assert size(tmp_path / "a_x2.png") == (24, 20)


def test_train_starts_from_given_weights(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    import numpy as np

    from ISR.models import Compact

    start = Compact(2, width=4, depth=1)
    start.save(tmp_path / "start.weights.h5")
    given = f"model.weights={tmp_path / 'start.weights.h5'}"
    rates = ["train.learning_rate=1e-9", "train.final_learning_rate=1e-9"]
    assert train(photo_folder, tmp_path / "runs", given, *rates) == 0
    kept = Compact(2, width=4, depth=1)
    kept.load(Path(capsys.readouterr().out.rstrip("\n")))
    for before, after in zip(start.model.get_weights(), kept.model.get_weights(), strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=1e-7)


def test_a_stopped_training_goes_on(
    photo_folder: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ISR.train import callbacks

    def stop(self: object, epoch: int, logs: object = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(callbacks.TellEpoch, "on_epoch_begin", stop)
        assert train(photo_folder, tmp_path / "runs") == 130
    said = capsys.readouterr().err
    run = next((tmp_path / "runs" / "compact-x2").iterdir())
    assert f"`isr train --resume {run}`" in said and not (run / "compact-x2.weights.h5").exists()
    assert train(photo_folder, tmp_path / "runs", "train.seed=5", "train.epochs=0") == 2  # another recipe: not this run
    capsys.readouterr()
    assert train(photo_folder, tmp_path / "runs") == 0
    told = capsys.readouterr()
    assert told.out == f"{run / 'compact-x2.weights.h5'}\n"
    assert told.err == f"isr: going on with the unfinished run {run} of this recipe; --fresh starts a new one\n"
    assert [line.split(",")[0] for line in (run / "history.csv").read_text().splitlines()] == ["epoch", "1", "2"]


def test_evaluate_reports_a_table_and_json(photo_folder: Path, tmp_path: Path, capsys: Said) -> None:
    report = tmp_path / "new" / "report.json"
    call = [
        "evaluate",
        "--model",
        "bicubic",
        "--scale",
        "3",
        "--json",
        str(report),
        str(photo_folder),
        str(photo_folder),
    ]
    assert main(call) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 4 and table[2].startswith(f"| bicubic | x3 | {photo_folder.name} | 6 | ")
    records = json.loads(report.read_text(encoding="utf-8"))
    assert len(records) == 2
    known = {key: records[0][key] for key in ("model", "scale", "set", "pictures")}
    assert known == {"model": "bicubic", "scale": 3, "set": photo_folder.name, "pictures": 6}
    assert 15 < records[0]["psnr_y"] < 60 and 0.2 < records[0]["ssim_y"] < 1 and records[0]["seconds"] > 0
