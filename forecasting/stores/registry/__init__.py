"""The only MLflow in the domain: open the store, keep versions, move aliases under a lock."""
