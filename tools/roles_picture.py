"""The picture of roles in docs/architecture.md, from ``shop/roles.py``: calls on the left, events on the right.

Boxes stand in a column; a connection leaves its box sideways, runs in a lane of its own, and enters the other
box. Laid out by what is here: an order of the boxes that keeps connections short, ports that keep them from
crossing where they leave, the innermost free lane for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from shop.roles import ROLES

BOX, PORT, GAP, PAD = 132, 15, 22, 14  # px: width of a box, room of one connection, between boxes, inside one
LANE, FIRST_LANE, MARGIN = 17, 26, 24  # px: between lanes, from the boxes to the first, around everything
LINE, HEADING = 17, 19  # px: of the legend
LEGEND = 300  # px: width of the legend
CORNER = 7  # px: radius where a connection turns


@dataclass(frozen=True, slots=True)
class Link:
    """From one role to another: a call, or the ``events`` that are delivered."""

    source: str
    target: str
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """A role's place in the column."""

    role: str
    top: int
    height: int


@dataclass(frozen=True, slots=True)
class Route:
    """A link with the heights of its two ends, and its lane, counted from the boxes."""

    link: Link
    start: int
    end: int
    lane: int


def calls() -> list[Link]:
    """Who sends commands and questions to whom."""
    return [Link(role.name, callee) for role in ROLES.values() for callee in ROLES if callee in role.calls]


def events() -> list[Link]:
    """Who hears whom, and what."""
    return [
        Link(emitter, role.name, tuple(sorted(role.hears[emitter])))
        for emitter in ROLES
        for role in ROLES.values()
        if emitter in role.hears
    ]


def svg() -> str:
    """The whole picture."""
    left, right = calls(), events()
    boxes = _column(_short_order([*left, *right]), left, right)
    solid, dashed = _routes(boxes, left), _routes(boxes, right)
    x = MARGIN + FIRST_LANE + LANE * max(route.lane for route in solid)
    edge = x + BOX + FIRST_LANE + LANE * max(route.lane for route in dashed)
    bottom = max(box.top + box.height for box in boxes.values())
    dashed.sort(key=lambda route: (route.start, route.end))  # numbered from top to bottom
    legend, legend_bottom = _legend(dashed, edge + MARGIN)
    width, height = edge + MARGIN + LEGEND, max(bottom, legend_bottom) + MARGIN
    parts = [
        _head(width, height),
        *(_path(route, x, -1, "call") for route in solid),
        *(_path(route, x + BOX, 1, "event") for route in dashed),
        *(_number(number, route, x + BOX) for number, route in enumerate(dashed, 1)),
        *(_box(box, x) for box in boxes.values()),
        *legend,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _short_order(links: Sequence[Link]) -> list[str]:
    """Roles from top to bottom: two change places for as long as that makes all links together shorter."""
    order = list(ROLES)

    def length() -> int:
        return sum(abs(order.index(link.source) - order.index(link.target)) for link in links)

    best, better = length(), True
    while better:
        better = False
        for i in range(len(order)):
            for j in range(i + 1, len(order)):
                order[i], order[j] = order[j], order[i]
                if length() < best:
                    best, better = length(), True
                else:
                    order[i], order[j] = order[j], order[i]
    return order


def _column(order: Sequence[str], *sides: Sequence[Link]) -> dict[str, Box]:
    """Boxes as high as the side with more connections needs."""
    boxes, top = {}, MARGIN + HEADING
    for role in order:
        ports = max(sum(role in (link.source, link.target) for link in side) for side in sides)
        boxes[role] = Box(role, top, max(3 * PAD, 2 * PAD + PORT * (ports - 1)))
        top += boxes[role].height + GAP
    return boxes


def _routes(boxes: dict[str, Box], links: Sequence[Link]) -> list[Route]:
    """The links of one side, shortest first, each in the innermost lane that is free along its way."""
    ports = {role: _ports(role, boxes, links) for role in boxes}
    spans = [(ports[link.source][link], ports[link.target][link], link) for link in links]
    taken: list[list[tuple[int, int]]] = []
    routes = []
    for start, end, link in sorted(spans, key=lambda span: (abs(span[0] - span[1]), span[0])):
        low, high = sorted((start, end))
        free = (
            lane for lane, ways in enumerate(taken) if all(high < a - GAP // 2 or low > b + GAP // 2 for a, b in ways)
        )
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        routes.append(Route(link, start, end, lane))
    return routes


def _ports(role: str, boxes: dict[str, Box], links: Sequence[Link]) -> dict[Link, int]:
    """Heights at which links meet a box: those from above first, the shortest outermost, so that none cross there."""
    here = boxes[role]

    def place(link: Link) -> tuple[bool, int]:
        other = boxes[link.target if link.source == role else link.source]
        below = other.top > here.top
        distance = abs(other.top - here.top)
        return below, -distance if below else distance

    mine = sorted((link for link in links if role in (link.source, link.target)), key=place)
    first = here.top + (here.height - PORT * (len(mine) - 1)) // 2
    return {link: first + PORT * number for number, link in enumerate(mine)}


def _path(route: Route, edge: int, side: int, kind: str) -> str:
    """Out of the box to the lane, along it, and back; ``side`` is -1 for the left."""
    lane, turn = _lane(route, edge, side), CORNER if route.end > route.start else -CORNER
    near = lane - side * CORNER
    d = (
        f"M{edge} {route.start}H{near}Q{lane} {route.start} {lane} {route.start + turn}"
        f"V{route.end - turn}Q{lane} {route.end} {near} {route.end}H{edge + side * 2}"
    )
    title = f"{route.link.source} {'calls' if kind == 'call' else 'is heard by'} {route.link.target}"
    return f'<path class="{kind}" d="{d}" marker-end="url(#{kind})"><title>{title}</title></path>'


def _lane(route: Route, edge: int, side: int) -> int:
    return edge + side * (FIRST_LANE + LANE * route.lane)


def _number(number: int, route: Route, edge: int) -> str:
    x, y = _lane(route, edge, 1), (route.start + route.end) // 2
    return f'<g class="number"><circle cx="{x}" cy="{y}" r="8"/><text x="{x}" y="{y + 4}">{number}</text></g>'


def _box(box: Box, x: int) -> str:
    middle = box.top + box.height // 2
    return (
        f'<g class="box"><rect x="{x}" y="{box.top}" width="{BOX}" height="{box.height}" rx="8"/>'
        f'<text x="{x + BOX // 2}" y="{middle + 5}">{box.role}</text></g>'
    )


def _legend(routes: Sequence[Route], x: int) -> tuple[list[str], int]:
    """Lines of text beside the picture, and where they end."""
    y = MARGIN + HEADING
    parts = [
        f'<path class="call" d="M{x} {y}h40" marker-end="url(#call)"/>'
        f'<text class="small" x="{x + 56}" y="{y + 4}">calls</text>',
        f'<path class="event" d="M{x + 120} {y}h40" marker-end="url(#event)"/>'
        f'<text class="small" x="{x + 176}" y="{y + 4}">events</text>',
    ]
    y += 2 * LINE
    for number, route in enumerate(routes, 1):
        parts.append(
            f'<g class="number"><circle cx="{x + 8}" cy="{y - 4}" r="8"/><text x="{x + 8}" y="{y}">{number}</text></g>'
            f'<text class="small" x="{x + 24}" y="{y}">{route.link.source} to {route.link.target}</text>'
        )
        for name in route.link.events:
            y += LINE
            parts.append(f'<text class="name" x="{x + 24}" y="{y}">{escape(name)}</text>')
        y += LINE + LINE // 2
    return parts, y


def _head(width: int, height: int) -> str:
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{_TITLE}">
<style>{_STYLE}</style>
<defs>{_marker("call")}{_marker("event")}</defs>
<rect class="ground" width="{width}" height="{height}" rx="10"/>"""


def _marker(kind: str) -> str:
    return (
        f'<marker id="{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path class="{kind}-head" d="M0 0 10 5 0 10z"/></marker>'
    )


_TITLE = "Which role calls which, and which hears whose events; the table beside the picture says the same in words."
_STYLE = """
  .ground { fill: #ffffff; }
  text { font: 600 15px system-ui, sans-serif; fill: #1b2329; text-anchor: middle; }
  text.small { font-size: 13px; text-anchor: start; }
  text.name { font: 12px ui-monospace, monospace; text-anchor: start; fill: #566069; }
  .box rect { fill: #e6f2ee; stroke: #0b6b57; stroke-width: 1.5; }
  .call, .event { fill: none; stroke-width: 1.6; }
  .call { stroke: #1b2329; }
  .event { stroke: #8a4b08; stroke-dasharray: 5 4; }
  .call-head { fill: #1b2329; }
  .event-head { fill: #8a4b08; }
  .number circle { fill: #fff4e5; stroke: #8a4b08; }
  .number text { font-size: 11px; fill: #8a4b08; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #14171a; }
    text { fill: #e8ebe9; }
    text.name { fill: #a3aeb3; }
    .box rect { fill: #17322b; stroke: #63d2b4; }
    .call { stroke: #d3d9d6; }
    .call-head { fill: #d3d9d6; }
    .event { stroke: #f0b26b; }
    .event-head { fill: #f0b26b; }
    .number circle { fill: #2b2115; stroke: #f0b26b; }
    .number text { fill: #f0b26b; }
  }
"""
