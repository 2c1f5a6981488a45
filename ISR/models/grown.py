"""A network that begins as a smaller one of its kind and computes what that one does.

The function-preserving initialisation of Chen, Goodfellow and Shlens 2016, "Net2Net: Accelerating Learning via
Knowledge Transfer", except that new channels begin with first weights of their own, not as copies: nothing of the
smaller network reads them yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ISR.errors import WeightsError
from ISR.models import legacy, pretrained
from ISR.models.image_model import ImageModel

# Kernel and bias of a convolution.
Convolution = list[npt.NDArray[np.float32]]


def embedded(small: Convolution, own: Convolution, inputs: Sequence[int] | None = None) -> Convolution:
    """The convolution `own` whose first output channels are those of `small`, and see nothing that `small` does not.

    inputs: where the channels that `small` sees stand among those that `own` sees; the first ones where left out.
    """
    (kernel, bias), (seen, channels) = (values.copy() for values in own), small[0].shape[2:]
    kernel[:, :, :, :channels] = 0.0
    kernel[:, :, range(seen) if inputs is None else inputs, :channels] = small[0]
    bias[:channels] = small[1]
    return [kernel, bias]


def side_by_side(groups: int, width: int, *, apart: int, after: int = 0) -> list[int]:
    """Where `width` channels of each group stand if the groups follow each other `apart`, after `after` channels."""
    return [after + group * apart + channel for group in range(groups) for channel in range(width)]


def dense_block(small: Any, large: Any) -> list[int]:
    """Where the features of a dense block of `small` stand in one of `large`: its input's, then each convolution's.

    Both have the sizes C, G and G0, as RDN and RRDN do.
    """
    return [*range(small.G0), *side_by_side(small.C, small.G, apart=large.G, after=large.G0)]


def smaller(network: ImageModel, path: str | Path, sizes: Sequence[str]) -> ImageModel | None:
    """The network of the weights at `path`, which differs from this one in `sizes` alone and has none of them larger.

    None where it does not differ, but maybe in its scale, or is no such network at all, as reading it will tell.
    WeightsError where one of its sizes is larger, another option differs, or the file cannot be read.
    """
    if legacy.is_legacy(Path(path)):
        return None
    other = pretrained.load_model(str(path), precision="float32")
    if not isinstance(other, type(network)) or other.params == network.params:
        return None
    theirs, own = other.params, network.params
    if any(theirs[key] > own[key] for key in sizes) or any(theirs[key] != own[key] for key in own.keys() - set(sizes)):
        raise WeightsError(
            f"{str(path)!r} is for {theirs}, but the network is {own}: it can begin from one that has no larger "
            f"{', '.join(sizes)}, and is alike in the rest"
        )
    return other


def begin(network: ImageModel, small: ImageModel, inputs: Mapping[str, Sequence[int] | None]) -> None:
    """Embed the smaller network's convolutions of these names. Each with its `inputs`, as in `embedded`."""
    for name, channels in inputs.items():
        own, theirs = (each.model.get_layer(name) for each in (network, small))
        own.set_weights(embedded(theirs.get_weights(), own.get_weights(), channels))
