"""Labels by active learning: which crops to ask for, and the page on which people answer."""
