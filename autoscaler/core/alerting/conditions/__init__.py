"""The conditions of the catalogue, by what they look at: from a scope to findings, pure."""
