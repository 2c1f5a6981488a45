"""Section 1.0 of the measured description of ISR 2.2: what its users import, and what an import leaves behind."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ISR


def fresh(code: str, folder: Path) -> str:
    """What a new Python prints that starts in `folder`."""
    root = Path(ISR.__file__).parents[1]
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {code}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def test_import_writes_nothing_and_loads_nothing_heavy(tmp_path: Path) -> None:
    """ISR 2 made a `log_file` in the working directory, and loaded TensorFlow."""
    heavy = "print(*({'keras', 'tensorflow', 'jax', 'torch', 'numpy', 'yaml'} & set(sys.modules)), ISR.__version__)"
    assert fresh(f"import ISR; {heavy}", tmp_path) == ISR.__version__
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "code", ["import ISR; run = ISR.assistant.run", "from ISR import assistant; run = assistant.run"]
)
def test_the_assistant_is_an_attribute_that_loads_no_network(code: str, tmp_path: Path) -> None:
    heavy = "print(run.__module__, *({'keras', 'tensorflow', 'jax', 'torch', 'numpy'} & set(sys.modules)))"
    assert fresh(f"{code}; {heavy}", tmp_path) == "ISR.assistant"
    assert list(tmp_path.iterdir()) == []


def test_other_attributes_are_not_there() -> None:
    with pytest.raises(AttributeError, match="'utils'"):
        ISR.utils  # noqa: B018


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("ISR.models", "RDN RRDN Discriminator Cut_VGG19"),
        ("ISR.models", "Compact ESPCN FSRCNN SRCNN SRGAN SRResNet VDSR"),
        ("ISR.models.imagemodel", "ImageModel"),
        ("ISR.models.rdn", "RDN"),
        ("ISR.models.rrdn", "RRDN PixelShuffle MultiplyBeta"),
        ("ISR.models.discriminator", "Discriminator"),
        ("ISR.models.cut_vgg19", "Cut_VGG19"),
        ("ISR.train", "Trainer"),
        ("ISR.predict", "Predictor"),
        ("ISR.predict.predictor", "Predictor"),
    ],
)
def test_names_are_where_isr_2_has_them(module: str, names: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in names.split() if not inspect.isclass(getattr(found, name, None))] == []


def test_the_networks_are_image_models() -> None:
    from ISR.models import RDN, RRDN
    from ISR.models.imagemodel import ImageModel

    assert issubclass(RDN, ImageModel) and issubclass(RRDN, ImageModel)


# Sections 1.1, 1.2, 1.5, 1.6 and 1.12: what ISR 2's users may give by position.
@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        ("ISR.models", "RDN", "arch_params patch_size c_dim kernel_size upscaling init_extreme_val"),
        ("ISR.models", "RRDN", "arch_params patch_size beta c_dim kernel_size init_val"),
        ("ISR.models", "Discriminator", "patch_size kernel_size"),
        ("ISR.models", "Cut_VGG19", "patch_size layers_to_extract"),
        ("ISR.assistant", "run", "config_file default training prediction"),
    ],
)
def test_arguments_come_in_isr_2_s_order(module: str, name: str, parameters: str) -> None:
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    assert list(signature.parameters)[: len(parameters.split())] == parameters.split()
    keyword_only = list(signature.parameters.values())[len(parameters.split()) :]
    assert all(p.kind is p.KEYWORD_ONLY or p.name == "weights" for p in keyword_only)
