"""How the restorer is trained: on good pictures that are damaged in many ways."""
