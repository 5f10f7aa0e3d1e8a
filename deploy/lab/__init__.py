"""A real one-node Kubernetes with a real Istio on this machine, from package registries alone.

    python -m deploy.lab up | down | status | see | sh [-- COMMAND …]

Built by ``build`` and ``rootfs`` into a cache, packed by ``images``, started by ``up.up`` in
namespaces of its own (``node`` is their process 1), ended by ``up.down``.
"""
