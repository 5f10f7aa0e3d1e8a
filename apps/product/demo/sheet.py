"""What the demo's pictures are drawn on, and with which colours.

Drawn twice as large and then reduced, for smooth edges. Coordinates are per cent of the sheet, from
the upper left.
"""

from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

SIDE = 960  # pixels
_SCALE = 2 * SIDE / 100

Colour = tuple[int, int, int]
Point = tuple[float, float]

COLOURS: dict[str, Colour] = {
    "black": (52, 54, 60),
    "blue": (62, 104, 158),
    "brass": (199, 158, 78),
    "clear": (176, 208, 214),
    "copper": (190, 112, 74),
    "green": (78, 122, 92),
    "grey": (138, 144, 150),
    "mustard": (216, 166, 62),
    "oak": (198, 154, 106),
    "red": (190, 70, 62),
    "rose": (218, 152, 152),
    "rust": (176, 92, 58),
    "sand": (214, 194, 162),
    "steel": (168, 176, 184),
    "terracotta": (196, 110, 80),
    "walnut": (122, 84, 60),
    "white": (244, 242, 236),
}
WOOD, IRON, PAPER, GLOW = (198, 154, 106), (78, 80, 86), (250, 247, 238), (255, 236, 178)
WALLS: tuple[Colour, ...] = ((233, 226, 214), (219, 227, 226), (234, 221, 213))


class Sheet:
    """What one picture is drawn on; ``style`` 0 to 2 varies proportions, so that neighbours differ."""

    def __init__(self, main: Colour, style: int) -> None:
        self.main, self.style = main, style
        self.dark, self.light = mixed(main, (30, 28, 34), 0.22), mixed(main, (255, 255, 255), 0.35)
        wall = WALLS[style]
        self.image = Image.new("RGB", (2 * SIDE, 2 * SIDE), wall)
        self._draw = ImageDraw.Draw(self.image)
        self.box(0, 78, 100, 100, mixed(wall, (120, 104, 90), 0.16))
        self._shadow = mixed(wall, (70, 60, 56), 0.34)

    def grow(self, step: float) -> float:
        """By how much the middle style is larger than the first, and the last than that."""
        return step * self.style

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, radius: float = 0) -> None:
        self._draw.rounded_rectangle(_scaled([(x0, y0), (x1, y1)]), radius * _SCALE, fill)

    def oval(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        self._draw.ellipse(_scaled([(x0, y0), (x1, y1)]), fill)

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        self._draw.polygon(_scaled(points), fill)

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        self._draw.line(_scaled(points), fill, round(width * _SCALE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.oval(x - width / 2, y - width / 2, x + width / 2, y + width / 2, fill)

    def ring(self, x0: float, y0: float, x1: float, y1: float, width: float, fill: Colour) -> None:
        self._draw.ellipse(_scaled([(x0, y0), (x1, y1)]), None, fill, round(width * _SCALE))

    def shadow(self, x0: float, x1: float, y: float = 86) -> None:
        self.oval(x0, y - 2.6, x1, y + 2.6, self._shadow)

    def cup(self, x0: float, y0: float, x1: float, y1: float, narrow: float) -> None:
        """A vessel seen a little from above: wide mouth, narrower foot."""
        depth = (x1 - x0) * 0.09
        self.oval(x0 + narrow, y1 - depth, x1 - narrow, y1 + depth, self.main)
        self.shape([(x0, y0), (x1, y0), (x1 - narrow, y1), (x0 + narrow, y1)], self.main)
        self.shape(
            [(x1 - (x1 - x0) * 0.24, y0), (x1, y0), (x1 - narrow, y1), (x1 - narrow - (x1 - x0) * 0.2, y1)], self.dark
        )
        self.oval(x0, y0 - depth, x1, y0 + depth, self.light)
        self.oval(x0 + 2, y0 - depth + 1.2, x1 - 2, y0 + depth - 0.6, self.dark)

    def finished(self) -> Image.Image:
        """The picture at its final size."""
        return self.image.reduce(2)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """``colour`` with ``share`` of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _scaled(points: Iterable[Point]) -> list[Point]:
    return [(x * _SCALE, y * _SCALE) for x, y in points]
