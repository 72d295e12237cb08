"""How the restorer is trained: on good pictures that are damaged in all ways."""
