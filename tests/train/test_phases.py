"""Which phases a recipe has, and what its second one is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_runs import SmallCritic, SmallFeatures

from ISR import config, losses, models
from ISR.errors import ConfigError, WeightsError
from ISR.train import phases
from ISR.train.phases import Networks, Phase


def recipe(train: dict[str, Any] | None = None, **adversarial: Any) -> config.Config:
    return config.from_mapping({"train": train or {}, "adversarial": adversarial})


def test_one_phase_the_other_or_both() -> None:
    first, second = {"epochs": 3}, {"recipe": "srgan", "epochs": 4}
    assert phases.plan(recipe(first)) == [Phase(0, 3, adversarial=False)]
    assert phases.plan(recipe({"epochs": 0}, **second)) == [Phase(0, 4, adversarial=True)]
    assert phases.plan(recipe(first, **second)) == [Phase(0, 3, adversarial=False), Phase(3, 7, adversarial=True)]


@pytest.mark.parametrize(
    ("epoch", "step", "phase"), [(0, 1, 0), (1, 0, 0), (2, 5, 0), (3, 0, 0), (3, 1, 1), (4, 0, 1), (7, 0, 1)]
)
def test_a_state_belongs_to_the_phase_that_saved_it(epoch: int, step: int, phase: int) -> None:
    both = phases.plan(recipe({"epochs": 3}, recipe="srgan", epochs=4))
    assert [one.covers(epoch, step) for one in both] == [phase == 0, phase == 1]


def test_a_paper_s_recipe_stands_as_it_is() -> None:
    for name in ("srgan", "esrgan"):
        assert phases.resolve(recipe(recipe=name).adversarial) == losses.recipe(name)


@pytest.mark.parametrize("name", ["srgan", "esrgan"])
def test_the_recipes_of_the_documentation(name: str) -> None:
    written = config.load(Path(__file__).parents[2] / "docs" / "recipes" / f"{name}.yml")
    assert [phase.adversarial for phase in phases.plan(written)] == [False, True]
    assert phases.resolve(written.adversarial) == losses.recipe(name)
    assert models.build(written.model.architecture, written.model.scale, written.model.params).scale == 4


def test_every_part_can_be_put_otherwise() -> None:
    wanted = {"pixel": "charbonnier", "perceptual": "mse", "loss": "hinge", "before_activation": False}
    wanted |= {"layers": {"block2_conv2": 1.0, "block3_conv3": 2.0}, "feature_scale": 0.5}
    changed = phases.resolve(recipe(recipe="esrgan", **wanted, loss_weights={"discriminator": 0.0}).adversarial)
    assert (changed.pixel, changed.perceptual, changed.adversarial) == ("charbonnier", "mse", "hinge")
    assert changed.vgg_layers == ("block2_conv2", "block3_conv3") and not changed.before_activation
    assert changed.loss_weights == {"generator": 0.01, "discriminator": 0.0, "feature_extractor": 1.0}
    assert changed.feature_scale == 0.5


def test_networks_that_no_epoch_weighs_are_not_built() -> None:
    none = {"generator": 1.0, "discriminator": 0.0, "feature_extractor": 0.0}
    built = phases.networks(recipe(recipe="srgan", loss_weights=none), hr_side=24)
    assert built.discriminator is None and built.feature_extractor is None


def test_what_the_second_phase_lacks_is_told(tmp_path: Path) -> None:
    weights = {"generator": 1.0, "discriminator": 0.0}
    with pytest.raises(WeightsError, match="no file"):
        lost = str(tmp_path / "vgg.h5")
        phases.networks(recipe(recipe="srgan", vgg_weights=lost, loss_weights=weights), hr_side=32)
    with pytest.raises(ConfigError, match="adversarial: VGG19 takes patches of at least 32"):
        phases.networks(recipe(recipe="srgan", loss_weights=weights), hr_side=24)


def test_metric_names_are_those_that_are_logged() -> None:
    """Against AdversarialTraining itself, for every combination."""
    from small_runs import MODEL

    from ISR import models

    measure = {"PSNR_Y": losses.mse}
    for critic in (None, SmallCritic()):
        for features in (None, SmallFeatures()):
            networks = Networks(critic, features, measure)
            generator = models.build("compact", 2, MODEL["params"]).model  # type: ignore[arg-type]
            fitted = phases.adversarial(generator, recipe(recipe="srgan"), networks)
            assert sorted(phases.metric_names(networks)) == sorted(fitted.metrics)
