"""Traffic signs that a road asks for and lacks: scenes without their signs, judged, and the places that follow."""
