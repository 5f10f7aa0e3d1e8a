"""Pictures of the demo's products: flat drawings by kind, colour and style, the same at every run.

A picture's name says what it shows: ``mug-blue-1.png``.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image

from apps.product.demo.sheet import COLOURS, GLOW, IRON, PAPER, WALLS, WOOD, Sheet, mixed


def lamp(s: Sheet) -> None:
    s.shadow(32, 70)
    s.oval(36, 81, 66, 88, s.dark)
    elbow, head = (38.0 - s.grow(3), 54.0), (60.0 + s.grow(3), 32.0 - s.grow(2))
    s.line([(51, 83), elbow, head], 2, s.dark)
    s.oval(elbow[0] - 2.4, elbow[1] - 2.4, elbow[0] + 2.4, elbow[1] + 2.4, s.light)
    x, y = head
    s.oval(x - 5, y + 8, x + 13, y + 20, GLOW)
    s.shape([(x - 5, y - 5), (x + 4, y - 8), (x + 20, y + 12), (x - 8, y + 17)], s.main)
    s.shape([(x + 4, y - 8), (x + 20, y + 12), (x + 11, y + 14)], s.dark)


def floor(s: Sheet) -> None:
    s.shadow(34, 66, 90)
    if s.style == 1:
        for foot in (36, 50, 64):
            s.line([(50, 46), (foot, 89)], 1.8, s.dark)
    else:
        s.oval(39, 86, 61, 92, s.dark)
        s.line([(50, 88), (50, 34)], 1.8, s.dark)
    wide = 15 + s.grow(2)
    s.oval(50 - wide, 33, 50 + wide, 41, GLOW)
    s.shape([(50 - wide * 0.68, 12), (50 + wide * 0.68, 12), (50 + wide, 37), (50 - wide, 37)], s.main)
    s.shape([(50 + wide * 0.3, 12), (50 + wide * 0.68, 12), (50 + wide, 37), (50 + wide * 0.5, 37)], s.dark)


def pendant(s: Sheet) -> None:
    s.line([(50, 0), (50, 32)], 0.8, IRON)
    s.oval(46, 29, 54, 37, s.dark)
    if s.style == 1:
        s.oval(26, 32, 74, 78, s.main)
        for turn in range(1, 6):
            s.line(
                [
                    (50 - 23 * math.sin(turn / 6 * math.pi), 32 + turn * 7.6),
                    (50 + 23 * math.sin(turn / 6 * math.pi), 32 + turn * 7.6),
                ],
                0.5,
                s.dark,
            )
        return
    low, wide = 62.0 - s.grow(2), 26.0
    s.oval(50 - wide, low - 5, 50 + wide, low + 6, GLOW)
    top = 10 if s.style == 0 else 4
    s.shape(
        [
            (50 - top, 34),
            (50 + top, 34),
            (50 + wide * 0.8, low - 12),
            (50 + wide, low),
            (50 - wide, low),
            (50 - wide * 0.8, low - 12),
        ],
        s.main,
    )
    s.shape(
        [(50 + top * 0.4, 34), (50 + top, 34), (50 + wide * 0.8, low - 12), (50 + wide, low), (50 + wide * 0.55, low)],
        s.dark,
    )


def lantern(s: Sheet) -> None:
    s.shadow(30, 70, 88)
    s.ring(38, 10, 62, 34, 1.3, s.dark)
    s.box(36, 26, 64, 33, s.main, 2)
    s.box(34, 33, 66, 78, mixed(GLOW, (255, 255, 255), 0.3), 1)
    s.oval(45, 48, 55, 72, (255, 214, 120))
    for x in (34, 49.2, 64) if s.style != 1 else (34, 64):
        s.box(x, 32, x + 2, 80, s.dark)
    s.box(30, 78, 70, 87, s.main, 2)
    s.box(58, 78, 70, 87, s.dark, 2)


def pan(s: Sheet) -> None:
    s.shadow(16, 78)
    high = 16 + s.grow(6)
    s.box(66, 83 - high, 96 if s.style == 0 else 84, 87 - high, IRON, 2)
    s.box(14, 82 - high, 70, 86, s.main, 4)
    s.box(54, 82 - high, 70, 86, s.dark, 4)
    s.box(12, 80 - high, 72, 84 - high, s.light, 1.5)
    if s.style == 2:
        s.box(14, 74 - high, 70, 80 - high, s.main, 3)
        s.oval(38, 68 - high, 46, 75 - high, s.dark)


def plate(s: Sheet) -> None:
    s.oval(14, 20, 86, 92, mixed(s.dark, (60, 54, 50), 0.3))
    s.oval(14, 17, 86, 89, s.main)
    inner = 12 + s.grow(2)
    s.oval(14 + inner, 17 + inner, 86 - inner, 89 - inner, s.dark)
    s.oval(15.4 + inner, 18.4 + inner, 84.6 - inner, 87.6 - inner, s.light)
    if s.style == 1:
        s.ring(17, 20, 83, 86, 0.9, s.dark)


def bowl(s: Sheet) -> None:
    s.shadow(28, 72)
    s.box(40, 82, 60, 87, s.dark, 1)
    s.cup(18 - s.grow(1), 48 - s.grow(2), 82 + s.grow(1), 81, 16)
    if s.style == 1:
        s.line([(22, 60), (78, 60)], 1.6, s.light)


def mug(s: Sheet) -> None:
    s.shadow(28, 70)
    s.ring(60, 48 - s.grow(2), 84, 74, 4, s.dark)
    s.cup(28, 40 - s.grow(3), 70, 82, 2 + s.grow(3))
    if s.style == 1:
        for y in (54, 62, 70):
            s.line([(32, y), (58, y)], 0.9, s.light)


def glass(s: Sheet) -> None:
    s.shadow(36, 64, 88)
    water = mixed(s.main, (255, 255, 255), 0.55)
    if s.style == 1:
        s.oval(36, 84, 64, 90, s.main)
        s.box(48.8, 54, 51.2, 87, s.main)
        s.oval(33, 26, 67, 62, s.main)
        s.shape([(36, 20), (64, 20), (67, 44), (33, 44)], s.main)
        s.oval(36, 34, 64, 60, water)
        return
    s.shape([(33, 24), (67, 24), (63 + s.grow(1), 87), (37 - s.grow(1), 87)], s.main)
    s.shape([(35, 44), (65, 44), (61.5, 83), (38.5, 83)], water)
    s.oval(33, 20, 67, 28, s.light)
    s.line([(40, 48), (42, 78)], 1.2, s.light)


def knife(s: Sheet) -> None:
    blade, edge = (206, 212, 218), (232, 236, 240)
    turn = s.grow(3)
    s.shape([(8, 40 + turn), (60, 34), (60, 50), (22, 52 + turn)], blade)
    s.shape([(8, 40 + turn), (22, 52 + turn), (60, 50), (60, 46)], edge)
    s.box(59, 33, 64, 51, IRON, 1)
    s.box(63, 35, 94, 49, s.main, 4)
    s.box(63, 43, 94, 49, s.dark, 3)
    for x in (70, 78, 86):
        s.oval(x, 40.4, x + 2.4, 42.8, blade)


def jar(s: Sheet) -> None:
    s.shadow(28, 72, 88)
    s.box(29, 32, 71, 88, s.main, 7)
    s.box(33, 50 - s.grow(5), 67, 84, mixed(WOOD, (255, 255, 255), 0.25), 4)
    s.box(33, 32, 67, 42, s.light, 3)
    s.box(32, 22, 68, 33, WOOD if s.style != 1 else IRON, 3)
    s.box(36, 56, 64, 70, PAPER, 1)
    s.line([(41, 63), (59, 63)], 0.9, IRON)


def kettle(s: Sheet) -> None:
    s.shadow(22, 76)
    s.ring(30, 16 - s.grow(1), 70, 60, 2.6, s.dark)
    s.shape([(70, 60), (92, 44 - s.grow(2)), (93, 48 - s.grow(2)), (74, 76)], s.dark)
    s.oval(22, 42, 78, 94 - s.grow(1), s.main)
    s.box(20, 82, 80, 96, mixed(WALLS[s.style], (120, 104, 90), 0.16))
    s.shadow(28, 72, 83)
    s.box(28, 72, 72, 84, s.main, 4)
    s.box(38, 38, 62, 45, s.dark, 3)
    s.oval(46.5, 32, 53.5, 39, s.dark)
    s.oval(30, 50, 42, 62, s.light)


def cushion(s: Sheet) -> None:
    s.shadow(16, 84, 88)
    s.shape([(16, 30), (50, 34), (84, 30), (81, 58), (85, 87), (50, 83), (15, 87), (19, 58)], s.main)
    s.shape([(84, 30), (81, 58), (85, 87), (70, 85), (73, 58), (70, 32)], s.dark)
    for step in range(1, 2 + 3 * s.style):
        y = 34 + step * 44 / (2 + 3 * s.style)
        s.line([(20, y), (70, y)], 0.9, s.light)


def throw(s: Sheet) -> None:
    s.shadow(14, 86, 88)
    for fold in range(4):
        y = 46 + fold * 10
        s.box(16, y, 84, y + 11, s.main if fold % 2 == 0 else s.dark, 5)
    s.box(58 - s.grow(6), 38, 76 - s.grow(6), 84, s.light, 1)
    for x in range(7):
        left = 59 - s.grow(6) + x * 2.4
        s.line([(left, 84), (left, 89)], 0.7, s.light)


def towel(s: Sheet) -> None:
    s.box(10, 20, 90, 22.4, WOOD, 1)
    s.box(28, 20, 72, 82, s.main, 1.5)
    s.box(58, 20, 72, 82, s.dark, 1.5)
    for stripe in range(1 + s.style):
        s.box(28, 66 - stripe * 6, 72, 69 - stripe * 6, s.light)
    s.box(28, 17.4, 72, 25, mixed(s.main, (255, 255, 255), 0.15), 3)


def bed(s: Sheet) -> None:
    s.shadow(8, 92, 90)
    s.box(8, 28, 92, 70, WOOD, 3)
    s.box(11, 54, 89, 86, s.main, 3)
    s.box(11, 62, 89, 88, s.dark, 3)
    for x in (16, 53):
        s.box(x, 42, x + 31, 58, PAPER if s.style != 2 else s.light, 5)
    s.box(11, 62, 89, 67 + s.grow(2), s.light, 1)
    for x in (10, 86):
        s.box(x, 86, x + 4, 92, WOOD)


def rug(s: Sheet) -> None:
    s.shape([(24, 34), (76, 34), (94, 84), (6, 84)], s.main)
    s.shape([(28, 39), (72, 39), (86, 79), (14, 79)], s.light)
    s.shape([(30, 42), (70, 42), (82, 76), (18, 76)], s.main if s.style != 1 else s.dark)
    for step in range(1 + s.style):
        s.shape([(50, 48 + step * 4), (60, 59), (50, 71 - step * 4), (40, 59)], s.dark if step % 2 == 0 else s.light)
    for x in range(6, 95, 4):
        s.line([(x, 84), (x - 0.6, 88)], 0.6, s.light)


def chair(s: Sheet) -> None:
    s.shadow(26, 74, 91)
    for x, foot in ((34, 32), (66, 68)):
        s.line([(x, 62), (foot, 90)], 2.6, s.dark)
    for x in (36, 64):
        s.line([(x, 14), (x, 62)], 2.6, s.main)
    s.box(33, 12, 67, 20 + s.grow(6), s.main, 3)
    if s.style == 0:
        for x in (43, 50, 57):
            s.line([(x, 20), (x, 60)], 1.2, s.dark)
    s.box(28, 57, 72, 64, s.main, 3)
    s.box(28, 61, 72, 64, s.dark, 1.5)


def stool(s: Sheet) -> None:
    high = 52 - s.grow(10)
    s.shadow(28, 72, 91)
    for x, foot in ((38, 30), (50, 50), (62, 70)):
        s.line([(x, high), (foot, 90)], 2.6, s.dark)
    if s.style:
        s.line([(35, 74), (65, 74)], 1.6, s.dark)
    s.oval(26, high - 7, 74, high + 6, s.dark)
    s.oval(26, high - 9, 74, high + 3, s.main)


def table(s: Sheet) -> None:
    s.shadow(10, 90, 90)
    if s.style == 1:
        s.box(46, 50, 54, 86, s.dark, 2)
        s.oval(30, 83, 70, 91, s.dark)
        s.oval(10, 40, 90, 56, s.dark)
        s.oval(10, 37, 90, 52, s.main)
        return
    for x in (13, 82):
        s.box(x, 48, x + 5, 90, s.dark, 1)
    s.box(6, 41, 94, 49, s.main, 2)
    s.box(6, 46, 94, 49, s.dark, 1)
    if s.style == 2:
        s.box(34, 49, 66, 58, s.light, 1)
        s.oval(48.6, 52, 51.4, 55, s.dark)


def shelf(s: Sheet) -> None:
    s.shadow(20, 80, 92)
    s.box(22, 12, 78, 91, s.dark, 1.5)
    s.box(25, 15, 75, 88, mixed(s.light, (90, 80, 74), 0.25))
    for place, y in enumerate((32, 51, 70)):
        colours = [(190, 96, 72), (78, 122, 92), (216, 176, 92), (96, 120, 150)]
        for book in range(3 + (place + s.style) % 3):
            x = 28 + book * 5.5
            s.box(x, y - 12 + book % 3, x + 4.6, y, colours[(book + place + s.style) % 4])
        s.box(25, y, 75, y + 2.4, s.main)
    s.oval(58, 78, 70, 88, PAPER)


def pot(s: Sheet) -> None:
    leaf = (92, 138, 96)
    for turn in range(-3, 4):
        reach = 18 + s.grow(4)
        x, y = 50 + reach * math.sin(turn * 0.42), 44 - reach * math.cos(turn * 0.42)
        s.line([(50, 52), (x, y)], 1.2, mixed(leaf, (30, 50, 40), 0.3))
        s.oval(x - 6, y - 4, x + 6, y + 5, leaf if turn % 2 else mixed(leaf, (255, 255, 255), 0.18))
    s.shadow(30, 70, 89)
    s.shape([(30, 54), (70, 54), (64, 88), (36, 88)], s.main)
    s.shape([(60, 54), (70, 54), (64, 88), (56, 88)], s.dark)
    s.box(27, 48, 73, 56, s.light if s.style == 1 else s.main, 1.5)
    s.box(60, 48, 73, 56, s.dark, 1.5)


def can(s: Sheet) -> None:
    s.shadow(24, 74)
    s.ring(54, 40, 82, 78, 2.6, s.dark)
    s.line([(34, 72), (14 - s.grow(2), 36 - s.grow(4))], 3.4, s.dark)
    s.shape(
        [
            (8 - s.grow(2), 38 - s.grow(4)),
            (18 - s.grow(2), 32 - s.grow(4)),
            (20 - s.grow(2), 37 - s.grow(4)),
            (11 - s.grow(2), 43 - s.grow(4)),
        ],
        s.light,
    )
    s.cup(30, 48, 68, 83, 0)
    s.ring(36, 30 - s.grow(1), 62, 60, 2.2, s.dark)
    s.oval(30, 45, 68, 52, s.light)


def trowel(s: Sheet) -> None:
    blade = (172, 180, 186)
    s.shape([(50, 92), (38 + s.grow(2), 72), (38, 50), (62, 50), (62 - s.grow(2), 72)], blade)
    s.shape([(50, 92), (50, 50), (62, 50), (62 - s.grow(2), 72)], mixed(blade, (30, 30, 40), 0.18))
    s.box(48.6, 38, 51.4, 54, IRON)
    s.box(44, 8 + s.grow(2), 56, 40, s.main, 5)
    s.box(50.5, 8 + s.grow(2), 56, 40, s.dark, 4)
    s.oval(48.6, 12 + s.grow(2), 51.4, 14.8 + s.grow(2), PAPER)


def book(s: Sheet) -> None:
    s.shadow(22, 80, 90)
    s.box(27, 16, 79, 89, s.dark, 2)
    s.box(27, 18, 77, 87, PAPER, 1)
    s.box(22, 14, 73, 87, s.main, 2)
    s.box(22, 14, 30, 87, s.dark, 2)
    if s.style == 0:
        s.box(38, 28, 66, 42, PAPER, 1)
        s.line([(43, 35), (61, 35)], 0.9, s.dark)
    elif s.style == 1:
        s.box(65, 14, 67.4, 87, s.light)
    else:
        s.oval(39, 36, 65, 62, s.light)


def candle(s: Sheet) -> None:
    s.shadow(26, 74, 88)
    for x in ((50.0,), (38.0, 60.0), (34.0, 50.0, 66.0))[s.style]:
        half, top = (13.0, 40.0) if s.style == 0 else (7.0, 34.0 + (x % 4) * 5)
        s.oval(x - 9, top - 26, x + 9, top, mixed(GLOW, WALLS[s.style], 0.35))
        s.line([(x, top - 5), (x, top)], 0.8, IRON)
        s.shape([(x, top - 19), (x + 3, top - 8), (x, top - 4), (x - 3, top - 8)], (246, 176, 70))
        s.box(x - half, top, x + half, 86, s.main, 2)
        s.box(x + half * 0.4, top, x + half, 86, s.dark, 2)
        s.oval(x - half, top - 2, x + half, top + 2.4, s.light)


def bag(s: Sheet) -> None:
    s.shadow(20, 80, 90)
    s.ring(35, 14, 65, 66, 2.4, s.dark)
    s.shape([(24, 40), (76, 40), (81, 89), (19, 89)], s.main)
    s.shape([(62, 40), (76, 40), (81, 89), (66, 89)], s.dark)
    if s.style == 1:
        for y in (52, 62, 72, 82):
            s.line([(24, y), (77, y)], 0.9, s.dark)
    elif s.style == 2:
        s.box(34, 58, 58, 76, s.light, 2)


def clock(s: Sheet) -> None:
    if s.style == 1:
        for x in (34.0, 66.0):
            s.line([(50 + (x - 50) * 0.7, 80), (x, 89)], 3, s.dark)
            s.oval(x - 9, 14, x + 9, 30, s.dark)
    s.oval(18, 18, 84, 84, mixed(WALLS[s.style], (70, 60, 56), 0.2))
    s.oval(17, 16, 83, 82, s.main)
    s.oval(22, 21, 78, 77, PAPER)
    for hour in range(12):
        turn = hour * math.pi / 6
        x, y = 50 + 24 * math.sin(turn), 49 - 24 * math.cos(turn)
        s.oval(x - 1, y - 1, x + 1, y + 1, IRON)
    s.line([(50, 49), (38 + s.grow(4), 41)], 1.8, IRON)
    s.line([(50, 49), (62, 33 + s.grow(2))], 1.3, IRON)
    s.oval(48.2, 47.2, 51.8, 50.8, (190, 70, 62))


_KINDS: tuple[Callable[[Sheet], None], ...] = (
    *(lamp, floor, pendant, lantern, pan, plate, bowl, mug, glass, knife, jar, kettle, cushion, throw),
    *(towel, bed, rug, chair, stool, table, shelf, pot, can, trowel, book, candle, bag, clock),
)
KINDS = {kind.__name__: kind for kind in _KINDS}


def draw(name: str) -> Image.Image:
    """The picture called ``name``: "<kind>-<colour>-<style>.png"."""
    kind, colour, style = name.removesuffix(".png").split("-")
    sheet = Sheet(COLOURS[colour], int(style))
    KINDS[kind](sheet)
    return sheet.finished()


def draw_into(folder: Path, names: Iterable[str]) -> None:
    """Draw the pictures called ``names``."""
    for name in names:
        draw(name).save(folder / name, compress_level=1)
