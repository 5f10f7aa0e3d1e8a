"""What must hold among carts."""

from shop.audit import rule

rule(
    "merged-token-opens-a-cart",  # a token that was merged is dead
    """
    SELECT cart.id::text, 'merged at ' || merged.merged_at::text
    FROM cart_cart cart JOIN cart_merge merged USING (token_hash)
    """,
    role="cart",
)
rule(
    "line-quantity",
    "SELECT cart_id::text, sku || ': ' || quantity::text FROM cart_cartline WHERE quantity NOT BETWEEN 1 AND 999",
    role="cart",
)
