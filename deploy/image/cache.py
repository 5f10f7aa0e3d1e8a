"""Where builds are kept: outside the checkout, so that two checkouts share layers and `make clean` keeps them."""

from pathlib import Path

from deploy.release import ROOT as ROOT

CACHE = Path.home() / ".cache/shop-image"
OUT = CACHE / "out"
