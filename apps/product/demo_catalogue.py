"""The catalogue of a first start: a small shop for the home. ``manage.py load_demo`` brings it in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

NAMESPACE = UUID("6f0f3f2e-93b5-4f0c-9d0c-2d1a5d7a4c11")  # of the keys under which it is brought in

CATEGORIES = {
    "lighting": "Lighting",
    "kitchen": "Kitchen and table",
    "textiles": "Textiles",
    "books": "Books and paper",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoVariant:
    """One SKU; ``price`` in EUR, ``on_hand`` units received at the first start."""

    sku: str
    price: str
    weight_g: int
    on_hand: int
    options: Mapping[str, str] = field(default_factory=dict)
    tax_class: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProduct:
    """A product with its variants; ``category`` is a key of CATEGORIES."""

    name: str
    category: str
    description: str
    variants: tuple[DemoVariant, ...]


_Choice = tuple[str, str, int]  # the option's value, price in EUR, weight in grams


def _product(
    category: str, name: str, description: str, sku: str, option: str, *choices: _Choice, tax_class: str = "standard"
) -> DemoProduct:
    """A product that comes in one option, or (``option`` empty) in one form only."""
    variants = tuple(
        DemoVariant(
            sku=f"{sku}-{value.upper().replace(' ', '-')}" if option else sku,
            price=price,
            weight_g=weight_g,
            on_hand=20 + (len(name) * 7 + place * 13) % 60,  # varied, and the same at every start
            options={option: value} if option else {},
            tax_class=tax_class,
        )
        for place, (value, price, weight_g) in enumerate(choices)
    )
    return DemoProduct(name=name, category=category, description=description, variants=variants)


PRODUCTS = (
    _product(
        "lighting",
        "Desk lamp with jointed arm",
        "Two joints and a heavy foot: the light stays where you put it. E27, up to 40 W.",
        "LAMP-DESK",
        "Colour",
        ("Black", "59.00", 2100),
        ("White", "59.00", 2100),
        ("Brass", "74.00", 2300),
    ),
    _product(
        "lighting",
        "Paper globe pendant",
        "Rice paper on a bamboo spiral. Folds flat for the way home.",
        "PENDANT-GLOBE",
        "Diameter",
        ("40 cm", "14.90", 260),
        ("60 cm", "22.90", 420),
    ),
    _product(
        "lighting",
        "Bedside lamp in opal glass",
        "Soft light from a mouth-blown globe on an oak foot. Dimmer in the cord.",
        "LAMP-BEDSIDE",
        "",
        ("", "48.50", 1300),
    ),
    _product(
        "lighting",
        "Reading floor lamp",
        "A narrow cone of warm light over your shoulder; height 135 to 165 cm.",
        "LAMP-FLOOR",
        "Colour",
        ("Black", "129.00", 6200),
        ("Sand", "129.00", 6200),
    ),
    _product(
        "lighting",
        "Enamel workshop pendant",
        "Steel, enamelled twice, white inside. Made for workbenches and kitchen tables.",
        "PENDANT-ENAMEL",
        "Colour",
        ("Green", "84.00", 1500),
        ("Grey", "84.00", 1500),
    ),
    _product(
        "lighting",
        "String of garden lights",
        "Ten metres, twenty sockets, for rain and frost (IP44).",
        "LIGHTS-GARDEN",
        "",
        ("", "39.90", 1700),
    ),
    _product(
        "lighting",
        "Rechargeable table lantern",
        "Eight hours of light without a cord; charges by USB-C.",
        "LANTERN-TABLE",
        "Colour",
        ("Red", "45.00", 780),
        ("Olive", "45.00", 780),
        ("Cream", "45.00", 780),
    ),
    _product(
        "lighting",
        "Filament bulb E27",
        "2200 K, 470 lm, 4 W. Dimmable.",
        "BULB-E27",
        "Shape",
        ("Pear", "6.90", 60),
        ("Globe", "9.90", 110),
    ),
    _product(
        "lighting",
        "Wall lamp with pull switch",
        "For beside the bed or above the sofa; plugs in, needs no electrician.",
        "LAMP-WALL",
        "",
        ("", "52.00", 950),
    ),
    _product(
        "lighting",
        "Beeswax candles, six",
        "Dipped, not poured; each burns for nine hours.",
        "CANDLES-BEESWAX",
        "",
        ("", "18.00", 540),
    ),
    _product(
        "kitchen",
        "Stoneware mug",
        "Holds 300 ml and keeps it warm. Dishwasher-proof; no two glazes are alike.",
        "MUG-STONEWARE",
        "Glaze",
        ("Blue", "16.50", 380),
        ("Ochre", "16.50", 380),
        ("White", "14.50", 380),
    ),
    _product(
        "kitchen",
        "Cast-iron frying pan",
        "Seasoned with linseed oil. Heavy, and better every year.",
        "PAN-IRON",
        "Diameter",
        ("20 cm", "34.00", 1600),
        ("24 cm", "42.00", 2200),
        ("28 cm", "52.00", 2900),
    ),
    _product(
        "kitchen",
        "Chef's knife, 20 cm",
        "Carbon steel, plum-wood handle. Sharp when it arrives; dry it after use.",
        "KNIFE-CHEF",
        "",
        ("", "89.00", 240),
    ),
    _product(
        "kitchen",
        "Beech chopping board",
        "End grain, oiled, with feet that do not slip.",
        "BOARD-BEECH",
        "Size",
        ("Small", "24.00", 900),
        ("Large", "46.00", 2400),
    ),
    _product(
        "kitchen",
        "Pour-over coffee filter",
        "Porcelain with a steep cone, for one to four cups. Takes paper of size 2.",
        "FILTER-COFFEE",
        "",
        ("", "21.00", 410),
    ),
    _product(
        "kitchen",
        "Hand coffee mill",
        "Conical steel burr, thirty clicks from Turkish to French press.",
        "MILL-COFFEE",
        "",
        ("", "69.00", 620),
    ),
    _product(
        "kitchen",
        "Glass storage jars",
        "Borosilicate with a cork lid; stackable.",
        "JAR-GLASS",
        "Volume",
        ("0.5 l", "8.90", 280),
        ("1 l", "11.90", 410),
        ("2 l", "16.90", 640),
    ),
    _product(
        "kitchen",
        "Olive-wood spoon set",
        "A spoon, a spatula and a fork, carved from one piece each.",
        "SPOONS-OLIVE",
        "",
        ("", "27.00", 190),
    ),
    _product(
        "kitchen",
        "Enamel teapot, 1.2 litres",
        "With a strainer. Works on every hob, and on the fire.",
        "TEAPOT-ENAMEL",
        "Colour",
        ("White", "38.00", 850),
        ("Navy", "38.00", 850),
    ),
    _product(
        "kitchen",
        "Tumblers, set of four",
        "Pressed glass, 250 ml, made to be stacked and dropped.",
        "TUMBLERS-4",
        "",
        ("", "19.80", 980),
    ),
    _product(
        "textiles",
        "Linen cushion cover",
        "Washed linen, 50 by 50 cm, with a hidden zip. Without filling.",
        "CUSHION-LINEN",
        "Colour",
        ("Sage", "29.00", 210),
        ("Rust", "29.00", 210),
        ("Natural", "27.00", 210),
    ),
    _product(
        "textiles",
        "Waffle bath towel",
        "Cotton that dries in an hour. 70 by 140 cm.",
        "TOWEL-WAFFLE",
        "Colour",
        ("White", "24.50", 380),
        ("Slate", "24.50", 380),
    ),
    _product(
        "textiles",
        "Wool blanket",
        "New wool, 130 by 200 cm, woven in a twill and brushed.",
        "BLANKET-WOOL",
        "Colour",
        ("Grey", "119.00", 1100),
        ("Moss", "119.00", 1100),
    ),
    _product(
        "textiles",
        "Percale duvet cover",
        "Cotton percale with 200 threads: cool, crisp, with buttons of mother-of-pearl.",
        "DUVET-PERCALE",
        "Size",
        ("135x200", "79.00", 900),
        ("155x220", "94.00", 1100),
        ("200x200", "109.00", 1300),
    ),
    _product(
        "textiles",
        "Kitchen towels, set of three",
        "Half linen, 50 by 70 cm, with a loop.",
        "TOWELS-KITCHEN-3",
        "",
        ("", "22.00", 300),
    ),
    _product(
        "textiles",
        "Cotton apron",
        "Heavy canvas, one deep pocket, straps that cross at the back.",
        "APRON-COTTON",
        "Colour",
        ("Ink", "36.00", 340),
        ("Clay", "36.00", 340),
    ),
    _product(
        "textiles",
        "Flat-woven rug",
        "Wool on cotton, the same on both sides.",
        "RUG-FLAT",
        "Size",
        ("70x140", "89.00", 1900),
        ("140x200", "239.00", 5300),
    ),
    _product(
        "textiles",
        "Linen curtain with loops",
        "Translucent, 140 by 250 cm; sold singly.",
        "CURTAIN-LINEN",
        "",
        ("", "68.00", 780),
    ),
    _product(
        "textiles",
        "Slippers of felted wool",
        "Sole of natural rubber. They run large.",
        "SLIPPERS-FELT",
        "Size",
        ("38", "49.00", 360),
        ("40", "49.00", 380),
        ("42", "49.00", 400),
        ("44", "49.00", 420),
    ),
    _product(
        "textiles",
        "Market bag",
        "Unbleached cotton with long handles; carries fifteen kilograms.",
        "BAG-MARKET",
        "",
        ("", "12.00", 140),
    ),
    _product(
        "books",
        "Bread without a machine",
        "Forty loaves from four ingredients, with the mistakes shown. 208 pages, cloth.",
        "BOOK-BREAD",
        "",
        ("", "28.00", 820),
        tax_class="reduced",
    ),
    _product(
        "books",
        "A year in the vegetable garden",
        "What to sow, pick and leave alone, week by week. 264 pages, drawings throughout.",
        "BOOK-GARDEN",
        "",
        ("", "32.00", 960),
        tax_class="reduced",
    ),
    _product(
        "books",
        "Mending",
        "Darning, patching and re-soling for people who never learned it. 144 pages.",
        "BOOK-MENDING",
        "",
        ("", "19.90", 430),
        tax_class="reduced",
    ),
    _product(
        "books",
        "Birds at the window",
        "Sixty birds of gardens and parks, with their calls in words. 192 pages.",
        "BOOK-BIRDS",
        "",
        ("", "24.00", 510),
        tax_class="reduced",
    ),
    _product(
        "books",
        "Short walks, long lunches",
        "Twenty-five circular walks that end at a table. 176 pages, maps.",
        "BOOK-WALKS",
        "",
        ("", "21.50", 390),
        tax_class="reduced",
    ),
    _product(
        "books",
        "Notebook, thread-bound",
        "192 pages of 100 g paper that takes ink; lies flat when open.",
        "NOTEBOOK-A5",
        "Ruling",
        ("Plain", "14.00", 320),
        ("Lined", "14.00", 320),
        ("Dotted", "14.00", 320),
    ),
    _product(
        "books",
        "Pencils, set of twelve",
        "Cedar, unlacquered, HB to 6B.",
        "PENCILS-12",
        "",
        ("", "15.90", 110),
    ),
    _product(
        "books",
        "Wall calendar with space to write",
        "One month a page, nothing but days and room. 30 by 42 cm.",
        "CALENDAR-WALL",
        "",
        ("", "17.50", 460),
    ),
    _product(
        "books",
        "Letter paper and envelopes",
        "Twenty-five sheets with deckle edge, twenty envelopes lined in blue.",
        "LETTER-SET",
        "Colour",
        ("Ivory", "18.90", 350),
        ("Pale blue", "18.90", 350),
    ),
    _product(
        "books",
        "Desk tray in birch",
        "For A4, stackable, oiled.",
        "TRAY-BIRCH",
        "",
        ("", "33.00", 880),
    ),
)
