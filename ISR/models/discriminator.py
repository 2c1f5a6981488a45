"""The critic of SRGAN (Ledig et al. 2017, figure 4, bottom), as a critic of patches in ISR 2 and as in the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from ISR.models.image_model import dtype_policy


@dataclass(frozen=True)
class _Layout:
    """Strides of the convolutions after the first; whether batch norm comes before LeakyReLU; one verdict or a map."""

    strides: tuple[int, ...]
    norm_first: bool
    flatten: bool


FILTERS = (64, 128, 128, 256, 256, 512, 512)
LAYOUTS = {
    "patch": _Layout(strides=(2, 1, 2, 1, 1, 1, 1), norm_first=False, flatten=False),
    "paper": _Layout(strides=(2, 1, 2, 1, 2, 1, 2), norm_first=True, flatten=True),
}


class Discriminator:
    """A critic of HR patches: `.model` maps (n, patch_size, patch_size, 3) in [0, 1] to float32 logits, no sigmoid.

    patch_size: side of the HR patch. layout: `patch` judges every place by itself, (n, ceil(patch_size / 4),
    ceil(patch_size / 4), 1), as ISR 2 did; `paper` flattens and gives one logit a patch, (n, 1). c_dim: channels of
    the patch. precision: float32 or bfloat16 (computation only). ValueError for anything else.
    """

    def __init__(
        self,
        patch_size: int,
        kernel_size: int = 3,
        *,
        layout: str = "patch",
        c_dim: int = 3,
        precision: str = "float32",
    ) -> None:
        if layout not in LAYOUTS:
            raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
        if min(patch_size, kernel_size, c_dim) < 1:
            got = f"{patch_size}, {kernel_size} and {c_dim}"
            raise ValueError(f"patch_size, kernel_size and c_dim must be at least 1, got {got}")
        self.name = "srgan-large"
        self.patch_size, self.kernel_size, self.layout, self.c_dim = patch_size, kernel_size, layout, c_dim
        self.block_param = {"filters": FILTERS, "strides": LAYOUTS[layout].strides}
        self.block_num = len(FILTERS)
        with dtype_policy(precision):
            self.model = self._build(LAYOUTS[layout])

    def _build(self, layout: _Layout) -> keras.Model:
        hr = keras.Input((self.patch_size, self.patch_size, self.c_dim), name="HR")
        x = layers.LeakyReLU(0.2, name="Leaky_1")(self._conv(64, 1, "Conv_1")(hr))
        for i, (filters, stride) in enumerate(zip(FILTERS, layout.strides, strict=True), 2):
            x = self._conv(filters, stride, f"Conv_{i}")(x)
            after = [
                layers.LeakyReLU(0.2, name=f"Leaky_{i}"),
                layers.BatchNormalization(momentum=0.8, name=f"Norm_{i}"),
            ]
            for layer in reversed(after) if layout.norm_first else after:
                x = layer(x)
        if layout.flatten:
            x = layers.Flatten(name="Flatten")(x)
        x = layers.LeakyReLU(0.2, name="Leaky_dense")(layers.Dense(1024, name="Dense_1024")(x))
        return keras.Model(hr, layers.Dense(1, dtype="float32", name="Dense_last")(x), name="discriminator")

    def _conv(self, filters: int, stride: int, name: str) -> Any:
        return layers.Conv2D(filters, self.kernel_size, strides=stride, padding="same", name=name)
