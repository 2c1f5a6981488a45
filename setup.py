"""Packaging facts. The folder weights/ travels inside the wheel as ISR/weights."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "ISR" / "__init__.py").read_text(encoding="utf-8"))[1]  # type: ignore[index]
WEIGHTS = sorted(f"ISR.weights.{path.name}" for path in (HERE / "weights").iterdir() if path.is_dir())

EXTRAS = {
    "jax": ["jax>=0.6"],
    "torch": ["torch>=2.6"],
    "tensorboard": ["tensorboard>=2.20"],
    "heif": ["pillow-heif>=1"],
    # Exact where a newer release would change what the checks say, or fetch gigabytes of GPU libraries.
    "tests": ["pytest>=8", "hypothesis>=6.100", "jax>=0.6", "torch==2.13.0", "tensorboard>=2.20", "pillow-heif>=1"],
    "fuzz": ["atheris>=2.3", "jax>=0.6"],
    "checks": ["ruff==0.17.5", "mypy==2.4.1", "types-PyYAML", "types-tqdm", "types-setuptools"],
}

setup(
    name="ISR",
    version=VERSION,
    description="Small pictures made large with deep networks: super-resolution for TensorFlow, JAX and torch",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[*find_packages(include=["ISR", "ISR.*"]), "ISR.weights", *WEIGHTS],
    package_dir={"ISR.weights": "weights"},
    package_data={name: ["*.h5", "*.json", "*.yml", "*.md"] for name in ["ISR.weights", *WEIGHTS]},
    # Lower bounds only. keras 3.15 refuses absurd HDF5 shapes; tensorflow 2.20 is the first that suits it.
    install_requires=[
        "tensorflow>=2.20",
        "keras>=3.15,<4",
        "numpy>=1.26",
        "pillow>=12.2",
        "h5py>=3.11",
        "tqdm>=4.66",
        "pyyaml>=6",
        # 16-bit colour, which Pillow makes 8-bit. libvips 8.18 divides colours by alpha where a TIFF asks for it.
        "pyvips>=3.1",
        "pyvips-binary>=8.18",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["isr=ISR.cli:main"]},
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Multimedia :: Graphics",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
)
