"""The catalogue of a first start: a shop for the home, with pictures it draws itself."""

from pathlib import Path

CATALOGUE = Path(__file__).with_name("catalogue.csv")  # written by tools/demo_catalogue.py
