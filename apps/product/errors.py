"""What the catalogue refuses, where more than one module may say so."""

from collections.abc import Sequence


class SkuTaken(Exception):
    """Variants with these SKUs exist already, or the request names one twice."""

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(", ".join(skus))
        self.skus = list(skus)


class UnknownSku(Exception):
    """No variant, or none of this product, has this SKU."""


class UnknownAttribute(Exception):
    """No attribute has this code."""


class WrongKind(Exception):
    """A value is not of its attribute's kind: text, number or boolean."""
