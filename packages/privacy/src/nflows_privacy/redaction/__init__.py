"""Pictures and videos redacted: found, filled, looked at again, and filled more until nothing is left."""
