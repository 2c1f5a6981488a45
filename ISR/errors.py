"""The errors that ISR raises for what its user can mend.

Each message is one line: what was expected, what came, what to do.
"""

from __future__ import annotations


class ISRError(Exception):
    """Anything that ISR itself refuses or cannot finish."""


class PictureError(ISRError, ValueError):
    """A file that cannot be read or written as a picture, or a picture outside a limit."""


class PictureNotFoundError(PictureError, FileNotFoundError):
    """A picture or a folder of pictures that is not there."""


class FormatError(PictureError):
    """A picture that the file format it should be written in cannot keep."""


class PairsError(PictureError):
    """Pictures to train on that do not fit each other, or cannot be used: one error lists them all."""


class StoreError(ISRError, ValueError):
    """A patch store that is missing, damaged, of another kind or cannot be written."""


class DestinationError(PictureError):
    """A destination that is an input, or another picture's destination, or a file where a folder is needed."""


class ConfigError(ISRError, ValueError):
    """A setting that is unknown, of the wrong type or out of its range."""


class WeightsError(ISRError, ValueError):
    """Weights that are missing, damaged or made for another network."""


class UnknownModelError(WeightsError):
    """A model's name or scale that nothing goes by."""


class OutOfMemoryError(ISRError, MemoryError):
    """A picture that cannot be enlarged in the memory there is."""


class TrainingError(ISRError, RuntimeError):
    """A training run that cannot start or cannot go on."""


class CancelledError(ISRError):
    """Work that was given up because its cancel token was set; nothing was written."""
