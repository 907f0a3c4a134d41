"""Who gets what: the authenticator's matching rules."""
