"""Where pipelines and serving meet: stations, published champions, the registry."""
