"""Making a caption true: replace a value, drop a clause, hedge what nobody can tell."""
