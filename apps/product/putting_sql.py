"""The statements of ``putting``. Each takes its rows as one JSON array."""

# ruff: noqa: S608  # put together from the constants of this module alone

_KNOWN = """
SELECT p.slug, p.name, p.description, c.slug, p.vendor, p.kind, p.tags, p.published, p.publish_at, p.option_names,
    p.seo_title, p.seo_description,
    (
        SELECT jsonb_object_agg(a.code, coalesce(trim_scale(value.number)::text, value.text))
        FROM product_attributevalue value JOIN product_attribute a ON a.id = value.attribute_id
        WHERE value.product_id = p.id
    ),
    (
        SELECT jsonb_agg(jsonb_build_array(address, alt) ORDER BY position, id)
        FROM product_image WHERE product_id = p.id AND address <> ''
    ),
    (
        SELECT jsonb_agg(jsonb_build_array(v.sku, v.options, v.price::text, v.currency, v.compare_at_price::text,
            v.barcode, v.tax_class, v.weight_g, coalesce(i.address, '')) ORDER BY v.position)
        FROM product_variant v LEFT JOIN product_image i ON i.id = v.image_id WHERE v.product_id = p.id
    )
FROM product_product p JOIN product_category c ON c.id = p.category_id
WHERE p.slug = ANY(%s) ORDER BY p.id
"""
KNOWN = _KNOWN
KNOWN_LOCKED = _KNOWN + " FOR UPDATE OF p"  # by id, so that two imports cannot deadlock

CATEGORY = """
INSERT INTO product_category AS c (slug, name, parent_id) VALUES (%s, %s, %s)
ON CONFLICT (slug) DO UPDATE SET slug = c.slug RETURNING id
"""

PRODUCTS = """
INSERT INTO product_product AS p (slug, name, description, category_id, vendor, kind, tags, option_names,
    published, publish_at, seo_title, seo_description)
SELECT slug, name, description, category_id, vendor, kind, tags, option_names,
    published, publish_at, seo_title, seo_description
FROM jsonb_to_recordset(%s::jsonb) AS new(slug text, name text, description text, category_id bigint, vendor text,
    kind text, tags text[], option_names text[], published boolean, publish_at timestamptz, seo_title text,
    seo_description text)
ON CONFLICT (slug) DO UPDATE SET name = excluded.name, description = excluded.description,
    category_id = excluded.category_id, vendor = excluded.vendor, kind = excluded.kind, tags = excluded.tags,
    option_names = excluded.option_names, published = excluded.published, publish_at = excluded.publish_at,
    seo_title = excluded.seo_title, seo_description = excluded.seo_description, changed_at = now()
RETURNING slug, id
"""

_IMAGES = "jsonb_to_recordset(%s::jsonb) AS new(product_id bigint, address text, alt text, position int)"
# Uploads have no address: a file knows nothing of them, so they stay.
REPLACE_IMAGES = (
    f"""
    WITH new AS (SELECT * FROM {_IMAGES}), gone AS (
        SELECT id FROM product_image i WHERE i.product_id = ANY(%s) AND i.address <> ''
            AND NOT EXISTS (SELECT FROM new WHERE new.product_id = i.product_id AND new.address = i.address)
    ), unlinked AS (
        UPDATE product_variant SET image_id = NULL WHERE image_id IN (SELECT id FROM gone)
    )
    DELETE FROM product_image WHERE id IN (SELECT id FROM gone)
    """,
    f"""
    UPDATE product_image i SET alt = new.alt, position = new.position FROM {_IMAGES}
    WHERE i.product_id = ANY(%s) AND i.product_id = new.product_id AND i.address = new.address
        AND (i.alt, i.position) IS DISTINCT FROM (new.alt, new.position)
    """,
    f"""
    INSERT INTO product_image (product_id, address, alt, position)
    SELECT product_id, address, alt, position FROM {_IMAGES}
    WHERE product_id = ANY(%s) AND NOT EXISTS (
        SELECT FROM product_image i WHERE i.product_id = new.product_id AND i.address = new.address
    )
    """,
)

_VALUES = "jsonb_to_recordset(%s::jsonb) AS new(product_id bigint, code text, value text)"
REPLACE_ATTRIBUTES = (
    f"""
    WITH new AS (SELECT * FROM {_VALUES})
    DELETE FROM product_attributevalue v USING product_attribute a
    WHERE v.product_id = ANY(%s) AND a.id = v.attribute_id
        AND NOT EXISTS (SELECT FROM new WHERE new.product_id = v.product_id AND new.code = a.code)
    """,
    f"""
    INSERT INTO product_attributevalue AS v (product_id, attribute_id, text, number)
    SELECT product_id, a.id, CASE a.kind WHEN 'number' THEN '' ELSE value END,
        CASE a.kind WHEN 'number' THEN value::numeric END
    FROM {_VALUES} JOIN product_attribute a ON a.code = new.code
    WHERE product_id = ANY(%s)
    ON CONFLICT (product_id, attribute_id) DO UPDATE SET text = excluded.text, number = excluded.number
    WHERE (v.text, v.number) IS DISTINCT FROM (excluded.text, excluded.number)
    """,
)

_VARIANTS = """
jsonb_to_recordset(%s::jsonb) AS new(product_id bigint, position int, sku text, options jsonb, price numeric,
    currency text, compare_at numeric, barcode text, tax_class text, weight_g int, image text)
"""
DELETE_VARIANTS = f"""
WITH new AS (SELECT * FROM {_VARIANTS})
DELETE FROM product_variant v WHERE v.product_id = ANY(%s)
    AND NOT EXISTS (SELECT FROM new WHERE new.product_id = v.product_id AND new.sku = v.sku)
"""

# A variant shown by an upload keeps it where the file names no picture of its own.
UPDATE_VARIANTS = f"""
UPDATE product_variant v SET position = fresh.position, options = fresh.options, price = fresh.price,
    currency = fresh.currency, compare_at_price = fresh.compare_at, barcode = fresh.barcode,
    tax_class = fresh.tax_class, weight_g = fresh.weight_g, image_id = fresh.image_id
FROM (
    SELECT new.*, CASE new.image WHEN '' THEN upload.id ELSE i.id END AS image_id
    FROM {_VARIANTS}
    JOIN product_variant old ON old.sku = new.sku AND old.product_id = new.product_id
    LEFT JOIN product_image upload ON upload.id = old.image_id AND upload.address = ''
    LEFT JOIN product_image i ON i.product_id = new.product_id AND i.address = new.image AND new.image <> ''
) fresh
WHERE v.sku = fresh.sku AND v.product_id = fresh.product_id
    AND (v.position, v.options, v.price, v.currency, v.compare_at_price, v.barcode, v.tax_class, v.weight_g, v.image_id)
    IS DISTINCT FROM (fresh.position, fresh.options, fresh.price, fresh.currency, fresh.compare_at, fresh.barcode,
        fresh.tax_class, fresh.weight_g, fresh.image_id)
"""

INSERT_VARIANTS = f"""
INSERT INTO product_variant (product_id, position, sku, options, price, currency, compare_at_price, barcode,
    tax_class, weight_g, image_id)
SELECT new.product_id, new.position, new.sku, new.options, new.price, new.currency, new.compare_at, new.barcode,
    new.tax_class, new.weight_g, i.id
FROM {_VARIANTS}
LEFT JOIN product_image i ON i.product_id = new.product_id AND i.address = new.image AND new.image <> ''
ON CONFLICT (sku) DO NOTHING RETURNING sku
"""
