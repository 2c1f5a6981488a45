"""ISR 2's assistant: a prediction or a training as a config.yml says, ISR 2's own or ours. It asks only on a terminal.

python -m ISR.assistant [--prediction | --training] [--default] [--config FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ISR import cli, config, console, isr2_config, plain_yaml
from ISR.config import Config
from ISR.console import OK, UsageError
from ISR.errors import ConfigError
from ISR.isr2_config import ISR2Config
from ISR.settings import nearest

if TYPE_CHECKING:
    from ISR.models.image_model import ImageModel

Ask = Callable[[str], str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the assistant with these flags. Returns the exit code: 0 done, 1 failure, 2 usage, 130 or 143 stopped."""
    return console.run(_parser(), arguments, _act)


def _act(options: argparse.Namespace) -> int:
    for path in run(options.config_file, options.default, options.training, options.prediction):
        console.show_path(path)
    return OK


def run(
    config_file: str | Path = "config.yml", default: bool = False, training: bool = False, prediction: bool = False
) -> list[Path]:
    """The pictures that were written; none after a training. The file says what is enlarged or trained.

    default: ask nothing, also on a terminal. Elsewhere nothing is ever asked: what the file leaves open has ISR 2's
    default. A training seeds Keras and NumPy, as `isr train` does. ConfigError names the key that is missing or wrong;
    SystemExit has the exit code of `isr train`, which trains by a config.yml of ours and reports its own errors.
    """
    if training and prediction:
        raise UsageError("a prediction and a training are two calls: give one of them")
    ask = None if default or not _on_terminal() else _ask
    if not (training or prediction):
        if ask is None:
            raise UsageError("expected --prediction or --training (in Python prediction=True or training=True)")
        training = _answer("session", ["prediction", "training"], ask) == "training"
    content = plain_yaml.read(Path(config_file))
    if isr2_config.recognises(content):
        session = _Session(isr2_config.from_mapping(content), ask)
        return session.train() if training else session.predict()
    if not training:
        return _predict(config.from_mapping(content))
    if code := cli.main(["train", "--config", str(config_file)]):
        raise SystemExit(code)
    return []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ISR.assistant", description="Predict or train as a file says.")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("-p", "--prediction", action="store_true", help="enlarge the pictures of a folder")
    kind.add_argument("-t", "--training", action="store_true", help="train a network")
    parser.add_argument("-d", "--default", action="store_true", help="ask nothing: take the file's choices")
    file = "ISR 2's config.yml or ours (default config.yml)"
    parser.add_argument("-c", "--config", dest="config_file", default="config.yml", metavar="FILE", help=file)
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
    return parser


def _predict(recipe: Config) -> list[Path]:
    """What section `prediction` of our own config.yml names, enlarged."""
    from ISR.models.pretrained import load_model, obtain
    from ISR.predict import Predictor

    wanted = recipe.prediction
    if wanted.input_dir is None:
        raise ConfigError("prediction.input_dir is not set: write the folder of the pictures to enlarge into the file")
    predictor = Predictor(wanted.input_dir, wanted.output_dir)
    obtain(wanted.weights)  # apart, because a download has a bar
    with console.muffled(verbose=False):
        model = load_model(wanted.weights)
    return predictor.get_predictions(model)


@dataclass(frozen=True)
class _Session:
    """One prediction or training by ISR 2's config.yml. ask: None where nobody is to be asked."""

    settings: ISR2Config
    ask: Ask | None

    def predict(self) -> list[Path]:
        """The pictures of the test set, enlarged."""
        from ISR.predict import Predictor

        name, folders = self._generator(), self.settings.test_sets
        folder = folders[self._choice("test_set", folders, usual="sample")]
        weights = self._weights(name)
        predictor = Predictor(folder)  # a folder without pictures is told before weights are fetched
        file = _weights_file(weights)
        with console.muffled(verbose=False):
            # Of no fixed size, whatever session.prediction.patch_size: ISR 2 then took pictures of that size only.
            generator = self._network(name, None)
        return predictor.get_predictions(generator, file)

    def train(self) -> list[Path]:
        """Nothing; the training's folders are those of `log_dirs`."""
        from ISR import backend

        name, training = self._generator(), self.settings.session.training
        settings = {**self._training_folders(), **self._trainer_settings()}
        with console.muffled(verbose=False):
            from ISR.train import Trainer  # here, because TensorFlow greets when it is loaded

            backend.seed(Config().train.seed)
            generator = self._network(name, training.patch_size)
            critics = self._critics(training.patch_size * self.settings.generators[name]["x"])
        Trainer(generator=generator, **critics, **settings).train(
            epochs=training.epochs,
            steps_per_epoch=training.steps_per_epoch,
            batch_size=training.batch_size,
            monitored_metrics=dict(training.monitored_metrics),
        )
        return []

    def _generator(self) -> str:
        return self._choice("generator", self.settings.generators, usual="rdn")

    def _choice(self, key: str, options: Mapping[str, Any], *, usual: str) -> str:
        """The option that section `default` names, or the only one, or the answer, or ISR 2's default."""
        named: str | None = getattr(self.settings.default, key)
        if named is not None and named not in options:
            near = nearest(named, options) if options else ""
            raise ConfigError(f"default.{key} names {named!r}, which is none of the file's {key}s{near}")
        if named is None and len(options) == 1:
            return next(iter(options))
        if named is None and self.ask is not None and options:
            return _answer(key.replace("_", " "), sorted(options), self.ask)
        named = named or usual
        if named not in options:
            raise ConfigError(f"default.{key} is not set: write one of {', '.join(sorted(options)) or 'your own'}")
        return named

    def _network(self, name: str, patch_size: int | None) -> ImageModel:
        from ISR.models import RDN, RRDN

        network = {"rdn": RDN, "rrdn": RRDN}[name]
        built: ImageModel = network(self.settings.generators[name], patch_size)
        return built

    def _weights(self, name: str) -> str:
        weights = self.settings.weights_paths.generator
        if weights is None and self.ask is not None:
            weights = self.ask("Weights of the generator, a path or a name: ")
        if not weights:
            known = ", ".join(["a path", *_known_weights(name, self.settings.generators[name])])
            raise ConfigError(
                f"weights_paths.generator is not set: write the generator's weights into the file: {known}"
            )
        return weights

    def _training_folders(self) -> dict[str, Any]:
        sets = self.settings.training_sets
        name = self._choice("training_set", sets, usual="div2k")
        folders = asdict(sets[name])
        for key in ("hr_train_dir", "hr_valid_dir"):
            if folders[key] is None:
                raise ConfigError(f"training_sets.{name}.{key} is not set: write a folder of pictures")
        return {"dataname": folders.pop("data_name"), **folders}

    def _critics(self, hr_patch_size: int) -> dict[str, Any]:
        from ISR.models import Cut_VGG19, Discriminator

        chosen, layers = self.settings.default, self.settings.feature_extractor.vgg19.layers_to_extract
        # The raw feed, for which the file's loss weights were chosen: after ImageNet's, features are far larger.
        extractor = partial(Cut_VGG19, hr_patch_size, layers, preprocessing=False)
        return {
            "discriminator": Discriminator(hr_patch_size) if chosen.discriminator else None,
            "feature_extractor": extractor() if chosen.feature_extractor else None,
        }

    def _trainer_settings(self) -> dict[str, Any]:
        settings, training, paths = self.settings, self.settings.session.training, self.settings.weights_paths
        return {
            "loss_weights": asdict(settings.loss_weights),
            "log_dirs": asdict(settings.log_dirs),
            "fallback_save_every_n_epochs": training.fallback_save_every_n_epochs,
            "weights_generator": paths.generator and _weights_file(paths.generator),
            "weights_discriminator": paths.discriminator,
            "n_validation": training.n_validation_samples,
            "flatness": asdict(training.flatness),
            "learning_rate": asdict(training.learning_rate),
            "adam_optimizer": asdict(training.adam_optimizer),
            "losses": asdict(settings.losses),
            "metrics": asdict(training.metrics),
        }


def _weights_file(weights: str) -> Path:
    """The file of weights that are named as `isr weights list` does, or by their path."""
    from ISR.models import pretrained

    return pretrained.find(weights) if weights in pretrained.WEIGHTS else Path(weights)


def _known_weights(architecture: str, sizes: Mapping[str, int]) -> list[str]:
    """The names of the weights that a network of these sizes can take."""
    from ISR.models.pretrained import WEIGHTS

    mine = [record for record in WEIGHTS.values() if record.architecture == architecture]
    return [record.name for record in mine if sizes.items() <= {**record.params, "x": record.scale}.items()]


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ask(question: str) -> str:
    # On stderr, so that it is seen where stdout goes to a file.
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        return input().strip()
    except EOFError as error:
        raise UsageError("no answer came: write the choice into the config, or give --default") from error


def _answer(what: str, options: Iterable[str], ask: Ask) -> str:
    """One of the options, by its number or name; asked until it is one."""
    numbered = {str(number): option for number, option in enumerate(options, 1)}
    lines = "".join(f"  {number}: {option}\n" for number, option in numbered.items())
    known = numbered | {option: option for option in numbered.values()}
    while (answer := ask(f"Which {what}?\n{lines}> ")) not in known:
        pass
    return known[answer]


if __name__ == "__main__":
    raise SystemExit(main())
