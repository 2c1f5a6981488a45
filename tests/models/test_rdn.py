"""RDN against section 2.5 of the measured description of ISR 2.2."""

from __future__ import annotations

import numpy as np
import pytest

from ISR.models.rdn import RDN

LARGE = {"C": 6, "D": 20, "G": 64, "G0": 64, "x": 2}
SMALL = {"C": 3, "D": 10, "G": 64, "G0": 64, "x": 2}
MEASURED = [
    (LARGE, "ups", 16_347_635),
    (LARGE, "shuffle", 16_347_392),
    (SMALL, "ups", 2_619_635),
    (SMALL, "shuffle", 2_619_392),
    ({**SMALL, "x": 3}, "ups", 2_624_375),
    ({**SMALL, "x": 4}, "ups", 2_631_011),
]


@pytest.mark.parametrize(("arch_params", "upscaling", "count"), MEASURED)
def test_parameter_count(arch_params: dict[str, int], upscaling: str, count: int) -> None:
    assert RDN(arch_params, upscaling=upscaling).model.count_params() == count


@pytest.mark.parametrize(("arch_params", "radius"), [(LARGE, 128), (SMALL, 38)])
def test_receptive_radius_of_the_originals(arch_params: dict[str, int], radius: int) -> None:
    assert RDN({**arch_params, "G": 4, "G0": 4}).receptive_radius == radius


def test_equal_layers_do_not_start_equal() -> None:
    """A shared initializer would give them equal kernels (fault T20 of ISR 2)."""
    rdn = RDN({"C": 2, "D": 2, "G": 6, "G0": 8, "x": 2}).model
    assert not np.allclose(*(np.asarray(rdn.get_layer(name).kernel) for name in ("F_1_1", "F_2_1")))
