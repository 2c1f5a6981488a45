"""What others' networks score, for the table of all weights: luma PSNR on Set5 from bicubic LR."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A network of somebody else. parameters: None where unknown. set5: dB at x2, x3 and x4, None where there are no
    weights. source: who says so; `measured` is with others' weights, by the protocol of `ISR.evaluate`."""

    name: str
    parameters: int | None
    set5: tuple[float | None, float | None, float | None]
    source: str

    def at(self, scale: int) -> float | None:
        """Its PSNR at that scale."""
        return dict(zip((2, 3, 4), self.set5, strict=True)).get(scale)


PUBLISHED = (
    Published("OpenCV dnn_superres ESPCN", 25_000, (34.77, 30.53, 28.38), "measured"),
    Published("OpenCV dnn_superres FSRCNN", 12_000, (34.86, 30.59, 28.41), "measured"),
    Published("SRCNN", None, (36.66, 32.75, 30.48), "Dong et al. 2016"),
    Published("ESPCN", None, (None, 33.13, 30.90), "Shi et al. 2016"),
    Published("FSRCNN", None, (37.00, 33.18, 30.72), "Dong, Loy and Tang 2016"),
    Published("IMDN_RTC", 20_000, (37.32, None, None), "measured"),
    Published("VDSR", None, (37.53, 33.66, 31.35), "Kim, Lee and Lee 2016"),
    Published("SPANtiny", 131_000, (None, None, 31.74), "measured"),
    Published("CARN-M", 415_000, (37.70, 34.07, 31.88), "measured"),
    Published("RLFN-S", 455_000, (38.06, None, 32.25), "measured"),
)
