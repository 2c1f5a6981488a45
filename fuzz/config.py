"""Fuzzes what reads settings: any bytes give a recipe, a mapping or a ConfigError."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import harness

with harness.instrumented("ISR", "yaml"):
    from ISR import config, isr2_config, plain_yaml
    from ISR.errors import ConfigError
    from ISR.models import session_config

FOLDER = harness.scratch()
WARNED = logging.getLogger("ISR")


def check(data: bytes) -> None:
    """Through every door that settings come in by: `--config`, ISR 2's config.yml, `--set`, session_config.yml."""
    path = FOLDER / session_config.FILE_NAME
    path.write_bytes(data)
    try:
        content = plain_yaml.read(path)
        recipe = isr2_config.from_mapping(content) if isr2_config.recognises(content) else config.from_mapping(content)
        if isinstance(recipe, config.Config):
            assert config.from_mapping(plain_yaml.parse(config.dump(recipe), "the dump")) == recipe
    except ConfigError as error:
        _assert_one_line(error)
    try:
        config.load(overrides=[data.decode("utf-8", "surrogateescape")])
    except ConfigError as error:
        _assert_one_line(error)
    plain_yaml.dump(session_config.read_beside(FOLDER / "net.hdf5"))


def _assert_one_line(error: ConfigError) -> None:
    assert "\n" not in str(error) and len(str(error)) < 3000, error


def seeds() -> Iterator[bytes]:
    """The recipe, ISR 2's, overrides, and what YAML can do besides plain mappings."""
    for section, content in config.to_mapping(config.Config()).items():
        yield plain_yaml.dump({section: content}).encode()
    yield b"default: {generator: rrdn}\ngenerators: {rdn: {C: 6, D: 20, G: 64, G0: 64, x: 2}}\nsession: {training: {}}"
    yield from (b"train.epochs=3", b"model.params.width=64", b"data.hr_dir=a b", b"output.name=null")
    yield b"a: &a [x, x]\nb: &b [*a, *a]\nc: {<<: {d: *b}}"
    yield b"a: !!python/name:os.getcwd ''\nb: !!binary aGk=\nc: !!set {d}\ne: !!omap [f: 1]\n--- >\n folded\n..."
    yield b"train: {epochs: 0x1F, ema: .inf, seed: 1_000, beta_1: 1e-3, beta_2: 1:30, loss: 2024-01-01 10:00:00}"
    yield b"adversarial: {loss_weights: {generator: .nan}, loss_weights_by_epoch: {3: {generator: 1.5}}}"


if __name__ == "__main__":
    WARNED.addHandler(logging.NullHandler())
    WARNED.propagate = False
    harness.LIMITS["max_len"] = 2048
    harness.fuzz("config", check, seeds())
