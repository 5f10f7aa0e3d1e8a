"""Facts one role tells others: outbox, relay, inbox. Delivered at least once, with one effect."""
