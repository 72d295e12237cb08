"""Traffic signs that a road asks for and lacks: frames of inspection drives judged, and the places that follow."""
