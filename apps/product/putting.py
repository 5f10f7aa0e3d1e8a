"""Products made equal to their drafts, many at a time: what is equal already is read, not written.

Each statement takes a whole batch as JSON, so that fifty thousand variants cost some hundred statements.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.product import putting_sql as sql
from apps.product.drafts import Difference, Fate, ProductDraft, Put, VariantDraft
from apps.product.errors import SkuTaken, UnknownAttribute, WrongKind
from apps.product.models import Attribute, Category, plain
from shop.money import Money

_BATCH = 500  # drafts of one statement: a few megabytes, were all descriptions long
_ELSEWHERE = (("other", "Other"),)  # where new products without a category go


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    sku: str
    options: Mapping[str, str]
    price: Decimal
    currency: str
    compare_at: Decimal | None
    barcode: str
    tax_class: str
    weight_g: int
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """A product in the form in which draft and database are compared."""

    name: str
    description: str
    category: str
    vendor: str
    kind: str
    tags: list[str]
    published: bool
    publish_at: datetime | None
    option_names: list[str]
    seo_title: str
    seo_description: str
    attributes: Mapping[str, str]
    images: Mapping[str, str]  # address -> alternative text, in order
    variants: Mapping[str, _Variant]  # by SKU, in order


def put(drafts: Sequence[ProductDraft]) -> Put:
    """Create or make equal; see ``services.put_products``."""
    done = Put(created=[], changed=[], unchanged=0)
    unchanged = 0
    for batch, wanted in _batches(drafts):
        known = _known(wanted, sql.KNOWN_LOCKED)
        due = {slug: record for slug, record in wanted.items() if not _equal(known.get(slug), record)}
        _write(batch, due, known)
        done.created.extend(slug for slug in due if slug not in known)
        done.changed.extend(slug for slug in due if slug in known)
        unchanged += len(wanted) - len(due)
    return Put(created=done.created, changed=done.changed, unchanged=unchanged)


def add_variants(product_id: int, drafts: Sequence[VariantDraft]) -> None:
    """Give a product that has none its variants, in this order. It has no pictures either. Raises SkuTaken."""
    _refuse_twice(drafts)
    _insert_variants([_variant_row(product_id, position, _variant(d, {})) for position, d in enumerate(drafts)])


def diff(drafts: Sequence[ProductDraft]) -> list[Difference]:
    """What ``put`` would do, in the order of the drafts."""
    found: list[Difference] = []
    for _, wanted in _batches(drafts):
        known = _known(wanted, sql.KNOWN)
        found.extend(_difference(slug, known.get(slug), record) for slug, record in wanted.items())
    return found


def _batches(drafts: Sequence[ProductDraft]) -> Iterator[tuple[Sequence[ProductDraft], dict[str, _Record]]]:
    kinds = dict(Attribute.objects.values_list("code", "kind")) if any(draft.attributes for draft in drafts) else {}
    for start in range(0, len(drafts), _BATCH):
        batch = drafts[start : start + _BATCH]
        wanted = {draft.slug: _wanted(draft, kinds) for draft in batch}
        if len(wanted) < len(batch):
            raise ValueError("two drafts of one product")
        _refuse_twice(variant for draft in batch for variant in draft.variants)
        yield batch, wanted


def _refuse_twice(variants: Iterable[VariantDraft]) -> None:
    named = Counter(variant.sku for variant in variants)
    if taken := sorted(sku for sku, count in named.items() if count > 1):
        raise SkuTaken(taken)


def _wanted(draft: ProductDraft, kinds: Mapping[str, str]) -> _Record:
    images = {image.address: image.alt for image in reversed(draft.images)}
    return _Record(
        name=draft.name,
        description=draft.description,
        category=draft.category[-1][0] if draft.category else "",
        vendor=draft.vendor,
        kind=draft.kind,
        tags=list(draft.tags),
        published=draft.published,
        publish_at=draft.publish_at,
        option_names=list(draft.option_names),
        seo_title=draft.seo_title,
        seo_description=draft.seo_description,
        attributes={code: _value(code, value, kinds) for code, value in draft.attributes.items()},
        images={address: images[address] for address in reversed(images)},
        variants={variant.sku: _variant(variant, images) for variant in draft.variants},
    )


def _variant(draft: VariantDraft, images: Mapping[str, str]) -> _Variant:
    return _Variant(
        sku=draft.sku,
        options=dict(draft.options),
        price=draft.price.amount,
        currency=draft.price.currency,
        compare_at=draft.compare_at,
        barcode=draft.barcode,
        tax_class=draft.tax_class,
        weight_g=draft.weight_g,
        image=draft.image if draft.image in images else "",
    )


def _value(code: str, value: str | Decimal | bool, kinds: Mapping[str, str]) -> str:
    """The value as it is shown. Raises UnknownAttribute, WrongKind."""
    if code not in kinds:
        raise UnknownAttribute(code)
    kind = "boolean" if isinstance(value, bool) else "number" if isinstance(value, Decimal) else "text"
    if kind != kinds[code]:
        raise WrongKind(code)
    if isinstance(value, Decimal):
        return plain(value)
    return value if isinstance(value, str) else str(value).lower()


def _known(slugs: Iterable[str], statement: str) -> dict[str, _Record]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(slugs)])
        return {row[0]: _read(*row[1:]) for row in cursor.fetchall()}


def _read(*row: Any) -> _Record:
    *plain_columns, attributes, images, variants = row
    names = [column.name for column in fields(_Record)][: len(plain_columns)]
    return _Record(
        **dict(zip(names, plain_columns, strict=True)),
        attributes=json.loads(attributes or "{}"),
        images=dict(json.loads(images or "[]")),
        variants={variant[0]: _stored(*variant) for variant in json.loads(variants or "[]")},
    )


def _stored(sku: str, options: Any, price: str, currency: str, compare_at: str | None, *rest: Any) -> _Variant:
    barcode, tax_class, weight_g, image = rest
    return _Variant(
        sku=sku,
        options=options,
        price=Decimal(price),
        currency=currency,
        compare_at=None if compare_at is None else Decimal(compare_at),
        barcode=barcode,
        tax_class=tax_class,
        weight_g=weight_g,
        image=image,
    )


def _equal(known: _Record | None, wanted: _Record) -> bool:
    return known is not None and not _changes(known, wanted)


def _difference(slug: str, known: _Record | None, wanted: _Record) -> Difference:
    if known is None:
        return Difference(slug=slug, fate=Fate.CREATED)
    changes = _changes(known, wanted)
    return Difference(slug=slug, fate=Fate.CHANGED if changes else Fate.UNCHANGED, fields=changes)


def _changes(known: _Record, wanted: _Record) -> dict[str, tuple[str, str]]:
    """What differs: "vendor", "images", "LAMP-1 price", "LAMP-2" for a variant that comes or goes."""
    changes: dict[str, tuple[str, str]] = {}
    for column in fields(_Record):
        before, after = getattr(known, column.name), getattr(wanted, column.name)
        if column.name == "variants" or (column.name == "category" and not after):
            continue
        if before != after or (column.name == "images" and list(before) != list(after)):
            changes[column.name] = (_text(before), _text(after))
    if list(known.variants) != list(wanted.variants):
        changes["variants"] = (_text(list(known.variants)), _text(list(wanted.variants)))
    for sku in (each for each in wanted.variants if each in known.variants):
        changes |= _variant_changes(known.variants[sku], wanted.variants[sku])
    return changes


def _variant_changes(known: _Variant, wanted: _Variant) -> dict[str, tuple[str, str]]:
    pairs = {column.name: (getattr(known, column.name), getattr(wanted, column.name)) for column in fields(_Variant)}
    return {
        f"{known.sku} {name}": (_told(known, name), _told(wanted, name))
        for name, (before, after) in pairs.items()
        if before != after
    }


def _told(variant: _Variant, name: str) -> str:
    """A column of a variant as text; amounts in the decimals of its currency."""
    value = getattr(variant, name)
    return f"{Money(value, variant.currency).amount:f}" if isinstance(value, Decimal) else _text(value)


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" if item else str(key) for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(" ", "minutes")
    return "" if value is None else str(value)


def _write(batch: Sequence[ProductDraft], due: Mapping[str, _Record], known: Mapping[str, _Record]) -> None:
    if not due:
        return
    category = _categories([draft.category or _ELSEWHERE for draft in batch if draft.slug in due])
    rows = [
        _row(slug, record, category[record.category or (known[slug].category if slug in known else _ELSEWHERE[-1][0])])
        for slug, record in due.items()
    ]
    ids = dict(_run(sql.PRODUCTS, rows))
    images = [
        {"product_id": ids[slug], "address": address, "alt": alt, "position": position}
        for slug, record in due.items()
        for position, (address, alt) in enumerate(record.images.items())
    ]
    values = [
        {"product_id": ids[slug], "code": code, "value": value}
        for slug, record in due.items()
        for code, value in record.attributes.items()
    ]
    for statement, written in ((sql.REPLACE_IMAGES, images), (sql.REPLACE_ATTRIBUTES, values)):
        for part in statement:
            _run(part, written, list(ids.values()))
    _write_variants(due, known, ids)


def _write_variants(due: Mapping[str, _Record], known: Mapping[str, _Record], ids: Mapping[str, int]) -> None:
    rows = [
        _variant_row(ids[slug], position, variant)
        for slug, record in due.items()
        for position, variant in enumerate(record.variants.values())
    ]
    _run(sql.DELETE_VARIANTS, rows, list(ids.values()))
    _run(sql.UPDATE_VARIANTS, rows)
    new = {sku for slug, record in due.items() for sku in record.variants}
    new -= {sku for slug in due if slug in known for sku in known[slug].variants}
    _insert_variants([row for row in rows if row["sku"] in new])


def _variant_row(product_id: int, position: int, variant: _Variant) -> dict[str, Any]:
    own = {column.name: getattr(variant, column.name) for column in fields(_Variant)}
    return {"product_id": product_id, "position": position, **own}


def _insert_variants(rows: Sequence[Mapping[str, Any]]) -> None:
    inserted = {sku for (sku,) in _run(sql.INSERT_VARIANTS, rows)}
    if taken := sorted({row["sku"] for row in rows} - inserted):
        raise SkuTaken(taken)


def _row(slug: str, record: _Record, category_id: int) -> dict[str, Any]:
    """The product's own columns, for jsonb_to_recordset."""
    own = {
        column.name: getattr(record, column.name)
        for column in fields(_Record)
        if column.name not in {"category", "attributes", "images", "variants"}
    }
    return {"slug": slug, "category_id": category_id, **own}


def _categories(paths: Iterable[Sequence[tuple[str, str]]]) -> dict[str, int]:
    """Ids of all categories by slug, once those of ``paths`` exist."""
    ids = dict(Category.objects.values_list("slug", "id"))
    for path in dict.fromkeys(tuple(path) for path in paths):
        parent = None
        for slug, name in path:
            if slug not in ids:
                ids[slug] = _made_category(slug, name, parent)
            parent = ids[slug]
    return ids


def _made_category(slug: str, name: str, parent: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.CATEGORY, [slug, name, parent])
        (made,) = cursor.fetchone() or (0,)
    return int(made)


def _run(statement: str, rows: Sequence[Mapping[str, Any]], *more: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=_json), *more])
        return list(cursor.fetchall()) if cursor.description else []


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
