"""Super-resolution with coupling layers."""
