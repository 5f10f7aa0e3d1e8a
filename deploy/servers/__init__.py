"""PostgreSQL and Valkey in pods, for a cluster without Azure's: data of their own, TLS and passwords as there."""
