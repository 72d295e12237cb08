"""Traffic signs that a road asks for and lacks: scenes without their signs, what is learned of them, and judged."""
