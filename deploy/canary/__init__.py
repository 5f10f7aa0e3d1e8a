"""A new version of one role beside the old one, and a growing share of its requests for as long as it is no worse.

    python -m deploy.canary shift product 50 [--image …/shop:0.2.0]   to 50 % by the steps of ``rule``
    python -m deploy.canary promote product                          v2, which stands at 100 %, becomes v1
    python -m deploy.canary rollback product                         v1 answers everything, at once

A promotion that was killed is ended by another one, or taken back by a rollback.

They act on the cluster that kubectl points at. Exit status: 0 done; 1 refused, or stopped with weight 0, with one
line that says by which figure; 2 too few requests to judge by, the weight stays; 130 interrupted, the weight stays.
"""
