"""How dates are written in pages: the same for everyone, whatever their browser's language."""
