"""YAML 1.1 as goyaml, the authenticator's YAML library, reads it."""
