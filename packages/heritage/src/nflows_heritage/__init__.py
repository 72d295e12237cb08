"""Pictures of art restored without falsifying them."""
