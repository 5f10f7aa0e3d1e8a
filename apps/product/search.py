"""What a customer's words may mean: stems, with the words that a mistyped one may have meant; exact codes.

The database knows every word of the products (Word). A word that no product has stands for the words of
names, vendors, kinds and tags that are a slip of the finger away, and for those that it begins. So a
typo costs a look into a small table, never a comparison with every product.
"""

from dataclasses import dataclass

from django.db import connection

_WORDS = 8  # of a search that count
_CANDIDATES = 50  # known words compared with one mistyped word
_GUESSES = 8  # known words that one mistyped word may stand for


@dataclass(frozen=True, slots=True)
class Meaning:
    """``groups`` of stems: one of each group must occur. ``exact``: ids of products with this very SKU or barcode."""

    groups: tuple[tuple[str, ...], ...]
    exact: tuple[int, ...]

    def tsquery(self, weights: str = "") -> str:
        """PostgreSQL's form; ``weights`` limits it to parts of a product ("A": its name)."""
        suffix = f":{weights}" if weights else ""
        return " & ".join("(" + " | ".join(f"{_quoted(stem)}{suffix}" for stem in group) + ")" for group in self.groups)


def meaning(text: str) -> Meaning:
    """What ``text`` asks for: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_MEANING, [text, text, _WORDS, _CANDIDATES, text, text, _CANDIDATES])
        rows = cursor.fetchall()
    words = [(stem, word or stem, known, guesses) for stem, word, known, guesses, _ in rows if stem is not None]
    groups = tuple(
        (stem,) if known else (stem, *_likely(word, dict(guesses or ()))) for stem, word, known, guesses in words
    )
    return Meaning(groups, tuple(rows[0][4]) if rows else ())


def _likely(word: str, guesses: dict[str, str]) -> list[str]:
    """Stems of the guesses (word -> stem) nearest to ``word``, and of those that it begins."""
    distances = {guess: 0 if guess.startswith(word) else distance(word, guess) for guess in guesses}
    near = min((slips for slips in distances.values() if slips), default=0)
    likely = sorted(guess for guess, slips in distances.items() if slips in {0, near})
    return list(dict.fromkeys(guesses[guess] for guess in likely))[:_GUESSES]


def distance(one: str, other: str) -> int:
    """Slips between two words: a letter too many, missing, wrong, or two neighbours exchanged."""
    before, above = [0] * (len(other) + 1), list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, wanted in enumerate(other, start=1):
            slips = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                slips = min(slips, before[j - 2] + 1)
            row.append(slips)
        before, above = above, row
    return above[-1]


def _quoted(stem: str) -> str:
    return "'" + stem.replace("\\", r"\\").replace("'", "''") + "'"


# Both configurations give a word the same position. CASE, so that the guesses are looked for only
# where they are needed. A search without a single word still has its one row, with what is exact.
_MEANING = r"""
WITH asked AS (
    SELECT s.stem, p.word, s.position, EXISTS (SELECT FROM product_word w WHERE w.stem = s.stem) AS known
    FROM (
        SELECT lexeme AS stem, unnest(positions) AS position FROM unnest(to_tsvector('product_words', %s))
    ) s
    LEFT JOIN (
        SELECT lexeme AS word, unnest(positions) AS position FROM unnest(to_tsvector('product_plain', %s))
    ) p USING (position)
    ORDER BY s.position LIMIT %s
)
SELECT asked.stem, asked.word, asked.known, CASE WHEN NOT asked.known THEN array(
    SELECT array[w.word, w.stem] FROM product_word w
    WHERE w.named AND (
        w.misspelt && product_misspellings(asked.word)
        OR (w.word >= asked.word AND w.word < asked.word || U&'\FFFD')
    )
    LIMIT %s
) END, exact.ids
FROM (
    SELECT array(SELECT product_id FROM product_variant WHERE sku = %s)
        || array(SELECT product_id FROM product_variant WHERE barcode = %s AND barcode <> '' LIMIT %s) AS ids
) exact LEFT JOIN asked ON true
ORDER BY asked.position
"""
