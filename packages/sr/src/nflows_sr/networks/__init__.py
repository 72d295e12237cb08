"""Networks that enlarge, built of coupling layers."""
