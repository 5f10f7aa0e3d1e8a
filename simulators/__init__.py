"""Outside companies the shop depends on, simulated: a card gateway and a mail server.

They share no code with the shop, so that what passes between them is only what the wire carries.
"""
