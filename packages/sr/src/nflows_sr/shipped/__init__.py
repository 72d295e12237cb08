"""Small trained models that come with the package, each a run folder with a card."""
