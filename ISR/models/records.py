"""WEIGHTS: every set of trained weights that has a name, as a literal table. Finding and loading them is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# idealo's host of the weights of ISR 2. Size and sha256 are those that its repository keeps.
ISR_2 = "https://public-asai-dl-models.s3.eu-central-1.amazonaws.com/ISR"


@dataclass(frozen=True)
class Weights:
    """One set of weights: what it is for, what it was made from, and what it scores.

    params: what `ISR.models.build` takes. psnr_y: luma PSNR in dB on Set5, Set14 and BSD100 (8 bit, border of the scale
    shaved), by `isr evaluate` where `measured`, else quoted; None where nothing is known. bfloat16: whether computing
    in bfloat16 costs it no PSNR, so that `precision="auto"` may. file, url, size: name, place and bytes of what is
    downloaded at first use; without url the weights are shipped, as NAME.weights.h5 with a manifest.
    """

    name: str
    architecture: str
    scale: int
    params: Mapping[str, Any]
    parameters: int
    sha256: str
    licence: str
    data: str
    psnr_y: tuple[float | None, float | None, float | None] = (None, None, None)
    measured: bool = True
    bfloat16: bool = False
    file: str = ""
    url: str | None = None
    size: int | None = None

    @property
    def shipped(self) -> bool:
        return self.url is None


def _ours(
    name: str,
    architecture: str,
    params: Mapping[str, Any],
    parameters: int,
    sha256: str,
    psnr_y: tuple[float, float, float],
    *,
    bfloat16: bool = False,
) -> Weights:
    """Weights that were trained here and are shipped; their names end in -x and the scale."""
    return Weights(
        name=name,
        architecture=architecture,
        scale=int(name.rpartition("-x")[2]),
        params=params,
        parameters=parameters,
        sha256=sha256,
        licence="Apache-2.0",
        data="387 photographs under free licences, listed in weights/README.md",
        psnr_y=psnr_y,
        bfloat16=bfloat16,
    )


OURS = (
    _ours(
        "compact-tiny-x2",
        "compact",
        {"width": 16, "depth": 10},
        23_068,
        "34547efe6078cc18434bda47bf5420955bced2f8675392414d5961fe4c8b7be6",
        (37.21, 32.84, 31.65),
        bfloat16=True,
    ),
    _ours(
        "compact-tiny-x3",
        "compact",
        {"width": 16, "depth": 9},
        22_923,
        "b6465a938676007a56841647f22b788cf75f6a41c0e1ce01c0998ca57e022478",
        (33.33, 29.59, 28.60),
        bfloat16=True,
    ),
    _ours(
        "compact-tiny-x4",
        "compact",
        {"width": 16, "depth": 8},
        23_648,
        "7e2173400a2db06ca3c222ac1441bbc6b7334876d52a92f1c062fb8c817594ed",
        (31.00, 27.81, 27.08),
        bfloat16=True,
    ),
    _ours(
        "compact-x2",
        "compact",
        {"width": 32, "depth": 13},
        115_340,
        "ac8eb6942494e103f19237f7c62cb33414b9e8bb5d46241e8878d7e8509cc39f",
        (37.36, 33.01, 31.77),
        bfloat16=True,
    ),
    _ours(
        "compact-x3",
        "compact",
        {"width": 32, "depth": 13},
        119_675,
        "deee74b5e29273b3f5fa19eed82607ddeed8b003c6ef92115934505a6e193f39",
        (33.61, 29.75, 28.73),
        bfloat16=True,
    ),
    _ours(
        "compact-x4",
        "compact",
        {"width": 32, "depth": 13},
        125_744,
        "2de9805eb58b29b82f53234b898f208045fe2a6eb8e8956a38dcccd7b4b89c93",
        (31.38, 28.01, 27.21),
        bfloat16=True,
    ),
    _ours(
        "compact-large-x2",
        "compact",
        {"width": 64, "depth": 13},
        451_852,
        "1321791db140298cd8c71f7663762ce7763d5dc2e9ed1b041309519e661db8ca",
        (37.42, 33.09, 31.82),
        bfloat16=True,
    ),
    _ours(
        "compact-large-x3",
        "compact",
        {"width": 64, "depth": 13},
        460_507,
        "62787e52809098d92f9ec055ff2cd8d9938b00ff2228b5b5e6bb9ea7cdac8f30",
        (33.75, 29.83, 28.79),
        bfloat16=True,
    ),
    _ours(
        "compact-large-x4",
        "compact",
        {"width": 64, "depth": 13},
        472_624,
        "278c4e9b5b4ccd27db84bac634e439257d055c2cae63b36e87cbd58d62b64049",
        (31.53, 28.12, 27.29),
        bfloat16=True,
    ),
    _ours(
        "rrdn-x4",
        "rrdn",
        {"C": 4, "D": 3, "G": 32, "G0": 32, "T": 10, "beta": 0.2, "c_dim": 3, "kernel_size": 3},
        4_176_100,
        "c906bf540bfbf6f91b9fd8cca8f4e9f8ba8ebbb584f23a2e6aeb9784009cd02c",
        (31.26, 27.95, 27.17),
    ),
    _ours(
        "rdn-tiny-x2",
        "rdn",
        {"C": 2, "D": 4, "G": 32, "G0": 32, "c_dim": 3, "kernel_size": 3, "upscaling": "shuffle"},
        220_064,
        "526acd5147a283ebb4caad6bb4d55787c661e4cc9935bee9dfbe542d56f56d23",
        (37.38, 32.94, 31.76),
        bfloat16=True,
    ),
    _ours(
        "rdn-small-x2",
        "rdn",
        {"C": 3, "D": 10, "G": 64, "G0": 64, "c_dim": 3, "kernel_size": 3, "upscaling": "shuffle"},
        2_619_392,
        "18504f22a9191fcd363f29f86bca7477db0cdbd7f42fe5002027dec5a3e26b76",
        (37.41, 32.97, 31.79),
    ),
    _ours(
        "espcn-x2",
        "espcn",
        {"luma": True},
        21_284,
        "4614485643a2e9cbfb65b9c070a14efb0ceb5c13adb0b34cf9f8c29583cdffc2",
        (36.54, 32.26, 31.20),
    ),
    _ours(
        "espcn-x3",
        "espcn",
        {"luma": True},
        22_729,
        "d8acd873f0d4482d8ec99ac7e419aab89fb8319b958c594da6739f860b6aaf43",
        (32.57, 29.12, 28.26),
    ),
    _ours(
        "espcn-x4",
        "espcn",
        {"luma": True},
        24_752,
        "78744672b322ec42d0786c3c9e676d61e10895379967a177b3dabb4398562c2d",
        (30.38, 27.34, 26.82),
    ),
    _ours(
        "fsrcnn-x2",
        "fsrcnn",
        {"d": 56, "s": 12, "m": 4, "c_dim": 3, "luma": True},
        12_809,
        "32adfa4dce890536b9fe8962fc64c264b2038c0e427825f4bd45228eaf2b9216",
        (36.87, 32.50, 31.39),
    ),
    _ours(
        "srcnn-x2",
        "srcnn",
        {"layout": "9-5-5", "c_dim": 3, "luma": True},
        57_281,
        "8e3fad17eaa27c74357fada14edc3d4ee41fbb7e71a2126eeb433c8eeb471bff",
        (36.77, 32.48, 31.41),
    ),
    _ours(
        "srcnn-x3",
        "srcnn",
        {"layout": "9-5-5", "c_dim": 3, "luma": True},
        57_281,
        "9b5263df1b276f631511844f951da6c646abe40034cf45f2b526cf75ef976d72",
        (32.76, 29.28, 28.41),
    ),
    _ours(
        "srcnn-x4",
        "srcnn",
        {"layout": "9-5-5", "c_dim": 3, "luma": True},
        57_281,
        "08029092aa34e619eec1be7c340c138873a61e87980761b4b9e9f158fdf9f8dc",
        (30.49, 27.47, 26.90),
    ),
)
OF_ISR_2 = (
    Weights(
        name="psnr-small",
        architecture="rdn",
        scale=2,
        params={"C": 3, "D": 10, "G": 64, "G0": 64, "c_dim": 3, "kernel_size": 3, "upscaling": "ups"},
        parameters=2_619_635,
        sha256="b76993189e63fb34dd46d1d40b40498fdb1e298c04185575a1c634e11c86cffd",
        licence="Apache-2.0",
        data="DIV2K",
        psnr_y=(35.99, 32.15, None),
        measured=False,
        file="rdn-C3-D10-G64-G064-x2_PSNR_epoch134.hdf5",
        url=f"{ISR_2}/rdn-C3-D10-G64-G064-x2/PSNR-driven/rdn-C3-D10-G64-G064-x2_PSNR_epoch134.hdf5",
        size=10_694_096,
    ),
    Weights(
        name="psnr-large",
        architecture="rdn",
        scale=2,
        params={"C": 6, "D": 20, "G": 64, "G0": 64, "c_dim": 3, "kernel_size": 3, "upscaling": "ups"},
        parameters=16_347_635,
        sha256="1816f1d37bbdbc724e5ab3429b402d00f78194a1b08628a1e44df6a3fcb5161b",
        licence="Apache-2.0",
        data="DIV2K",
        file="rdn-C6-D20-G64-G064-x2_PSNR_epoch086.hdf5",
        url=f"{ISR_2}/rdn-C6-D20-G64-G064-x2/PSNR-driven/rdn-C6-D20-G64-G064-x2_PSNR_epoch086.hdf5",
        size=66_071_288,
    ),
    Weights(
        name="noise-cancel",
        architecture="rdn",
        scale=2,
        params={"C": 6, "D": 20, "G": 64, "G0": 64, "c_dim": 3, "kernel_size": 3, "upscaling": "ups"},
        parameters=16_347_635,
        sha256="a361e56e2efd1096dbd149aa5e053db61c6f4815140c4686c6a1b0b94b6b137a",
        licence="Apache-2.0",
        data="DIV2K, its small pictures as JPEG",
        file="rdn-C6-D20-G64-G064-x2_ArtefactCancelling_epoch219.hdf5",
        url=f"{ISR_2}/rdn-C6-D20-G64-G064-x2/ArtefactCancelling/"
        "rdn-C6-D20-G64-G064-x2_ArtefactCancelling_epoch219.hdf5",
        size=66_071_288,
    ),
    Weights(
        name="gans",
        architecture="rrdn",
        scale=4,
        params={"C": 4, "D": 3, "G": 32, "G0": 32, "T": 10, "beta": 0.2, "c_dim": 3, "kernel_size": 3},
        parameters=4_176_100,
        sha256="104dfd5363470092edf9ec9a971510951462f574edfa6e83dd374d0983d34026",
        licence="Apache-2.0",
        data="DIV2K",
        file="rrdn-C4-D3-G32-G032-T10-x4_epoch299.hdf5",
        url=f"{ISR_2}/rrdn-C4-D3-G32-G032-T10-x4-GANS/rrdn-C4-D3-G32-G032-T10-x4_epoch299.hdf5",
        size=17_462_488,
    ),
)
WEIGHTS: dict[str, Weights] = {record.name: record for record in (*OURS, *OF_ISR_2)}
