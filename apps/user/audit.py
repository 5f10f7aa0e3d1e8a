"""What must hold in role user, whatever happened. Nothing here is ever under way."""

from shop.audit import rule

rule(
    "one_live_refresh_token",
    """
    SELECT family.id::text, count(token.id) FILTER (WHERE token.ended_at IS NULL) || ' live tokens, expected one'
    FROM user_tokenfamily AS family LEFT JOIN user_refreshtoken AS token ON token.family_id = family.id
    WHERE family.revoked_at IS NULL
    GROUP BY family.id
    HAVING count(token.id) FILTER (WHERE token.ended_at IS NULL) <> 1
    """,
    role="user",
)

rule(
    "revoked_family_is_dead",
    """
    SELECT DISTINCT family.id::text, 'revoked, yet a token is live'
    FROM user_tokenfamily AS family JOIN user_refreshtoken AS token ON token.family_id = family.id
    WHERE family.revoked_at IS NOT NULL AND token.ended_at IS NULL
    """,
    role="user",
)

rule(
    "one_account_per_email",
    """
    SELECT account.id::text, 'another account has this address in another case'
    FROM identity_account AS account
    JOIN identity_account AS other ON lower(other.email) = lower(account.email) AND other.id <> account.id
    """,
    role="user",
)
