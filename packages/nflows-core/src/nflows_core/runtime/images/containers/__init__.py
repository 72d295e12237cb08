"""How files are cut into parts, whatever those say: PNG's and WebP's chunks, JPEG's segments, TIFF's directories."""
